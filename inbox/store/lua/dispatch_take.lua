-- Acquires open shares of a running dispatch under a lease, or renews one. Buckets with open shares of earlier dispatches are
-- passed over, so that no recipient gets the later message first. Small shares are acquired several at a time, large ones singly.
-- KEYS: 1 dispatch, 2 its open shares, then the open shares of every earlier dispatch
-- ARGV: 1 ms of the lease, 2 the share to renew ('' acquires others), 3 number of shares that a dispatch has at first, 4 number
--       of recipients that the acquired shares may have together, in the mean, 5 maximum of shares
-- Returns the shares ({}: none is free, or it is no longer running, or finished by another)
local dispatch, shares = unpack(KEYS, 1, 2)
local lease_ms, renewed, share_count, recipients, max_shares = unpack(ARGV)
local state = redis.call('HMGET', dispatch, 'state', 'total')
if state[1] ~= 'running' then return {} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function is_open_earlier(share)
  for i = 3, #KEYS do
    if redis.call('ZSCORE', KEYS[i], share) then return true end
  end
  return false
end
local function find_free(count)
  local found, offset, size = {}, 0, #KEYS == 2 and count or 16 -- without earlier dispatches the first ones will do
  repeat
    local free = redis.call('ZRANGEBYSCORE', shares, '-inf', now, 'LIMIT', offset, size)
    for i = 1, #free do
      if not is_open_earlier(free[i]) then found[#found + 1] = free[i] end
      if #found == count then return found end
    end
    offset = offset + size
  until #free < size
  return found
end
local acquired
if renewed == '' then
  local at_once = math.floor(recipients * share_count / math.max(1, state[2]))
  acquired = find_free(math.max(1, math.min(at_once, tonumber(max_shares))))
else
  acquired = redis.call('ZSCORE', shares, renewed) and {renewed} or {}
end
local leases, lease_end = {}, string.format('%d', now + lease_ms)
for i = 1, #acquired do leases[2 * i - 1], leases[2 * i] = lease_end, acquired[i] end
if #acquired > 0 then redis.call('ZADD', shares, unpack(leases)) end
return acquired
