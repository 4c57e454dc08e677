-- Takes an open share of a running dispatch that nobody holds, for the time of a lease; or holds on to one. A bucket that an
-- earlier dispatch is not done with is left alone, so that nobody gets the later message first.
-- KEYS: 1 dispatch, 2 its open shares, then the open shares of every earlier dispatch
-- ARGV: 1 ms of the lease, 2 the share to hold on to ('' takes another)
-- Returns the share | -1 (none is free) | -2 (no longer running, or finished by another)
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return -2 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function is_open_earlier(share)
  for i = 3, #KEYS do
    if redis.call('ZSCORE', KEYS[i], share) then return true end
  end
  return false
end
local function find_free()
  local free = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)
  for i = 1, #free do
    if not is_open_earlier(free[i]) then return free[i] end
  end
end
local share = ARGV[2]
if share == '' then
  share = find_free()
  if not share then return -1 end
elseif not redis.call('ZSCORE', KEYS[2], share) then
  return -2
end
redis.call('ZADD', KEYS[2], string.format('%d', now + ARGV[1]), share)
return tonumber(share)
