-- Creates, changes or deletes a workflow, unless it changed meanwhile; other processes notice by the version.
-- KEYS: 1 the environment's workflows, 2 its version
-- ARGV: 1 identifier, 2 the revision it replaces (`<_id>-<updatedMs>`, '' none), 3 its new form ('' none), 4 most allowed
-- Returns the environment's new version | 0 there is another revision by now | -1 there are too many
local stored = redis.call('HGET', KEYS[1], ARGV[1])
local revision = ''
if stored then
  local workflow = cjson.decode(stored)
  revision = workflow._id .. '-' .. string.format('%.0f', workflow.updatedMs)
end
if revision ~= ARGV[2] then return 0 end
if not stored and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return -1 end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return redis.call('INCR', KEYS[2])
