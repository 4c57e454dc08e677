-- Writes the subscriber's half of a subscription of a topic.
-- KEYS: 1 subscriber record, 2 the subscriber's subscriptions by creation, 3 their topics
-- ARGV: 1 the subscription's _id, 2 its creation (ms), 3 topic's oid
-- Returns 1 | 0 (no such subscriber)
local subscriber, joined, joined_topics = unpack(KEYS)
local id, created_ms, topic_oid = unpack(ARGV)
if redis.call('EXISTS', subscriber) == 0 then return 0 end
redis.call('ZADD', joined, created_ms, id)
redis.call('HSET', joined_topics, id, topic_oid)
return 1
