-- Writes environments and API keys, if nothing in the registry has changed since the caller read it.
-- KEYS: 1 version that grows with every change, 2 environments (hash), 3 API keys (hash)
-- ARGV: 1 expected version (0 none), 2 version to begin with, 3 number of environments, then each field and its value:
--       first those of the environments, then those of the API keys
-- Returns 1 written | 0 the registry has changed
local version, environments, api_keys = unpack(KEYS)
if (redis.call('GET', version) or '0') ~= ARGV[1] then return 0 end
local first_key = 4 + 2 * tonumber(ARGV[3])
for index = 4, #ARGV, 2 do
  redis.call('HSET', index < first_key and environments or api_keys, ARGV[index], ARGV[index + 1])
end
redis.call('SET', version, ARGV[2], 'NX')
redis.call('INCR', version)
return 1
