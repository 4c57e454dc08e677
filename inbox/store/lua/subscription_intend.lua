-- Notes with a subscriber that it is about to have a subscription of a topic, or has it.
-- KEYS: 1 subscriber record, 2 the subscriber's subscriptions by creation, 3 their topics
-- ARGV: 1 the subscription's _id, 2 its creation (ms), 3 topic's oid
-- Returns 1 | 0 (no such subscriber)
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
return 1
