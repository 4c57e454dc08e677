-- Acquires an open share of a running dispatch under a lease, or renews a lease. Buckets with open shares of earlier
-- dispatches are passed over, so that no recipient gets the later message first.
-- KEYS: 1 dispatch, 2 its open shares, then the open shares of every earlier dispatch
-- ARGV: 1 ms of the lease, 2 the share to renew ('' acquires another)
-- Returns the share | -1 (none is free) | -2 (no longer running, or finished by another)
local dispatch, shares = unpack(KEYS, 1, 2)
local lease_ms, share = unpack(ARGV)
if redis.call('HGET', dispatch, 'state') ~= 'running' then return -2 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function is_open_earlier(share)
  for i = 3, #KEYS do
    if redis.call('ZSCORE', KEYS[i], share) then return true end
  end
  return false
end
local function find_free()
  local offset, size = 0, #KEYS == 2 and 1 or 16 -- without earlier dispatches the first one will do
  repeat
    local free = redis.call('ZRANGEBYSCORE', shares, '-inf', now, 'LIMIT', offset, size)
    for i = 1, #free do
      if not is_open_earlier(free[i]) then return free[i] end
    end
    offset = offset + size
  until #free < size
end
if share == '' then
  share = find_free()
  if not share then return -1 end
elseif not redis.call('ZSCORE', shares, share) then
  return -2
end
redis.call('ZADD', shares, string.format('%d', now + lease_ms), share)
return tonumber(share)
