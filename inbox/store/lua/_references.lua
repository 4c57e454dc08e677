-- Names the key of a feed's references by any other key of the feed: they differ in their last letter. The sorted set holds the
-- rows of messages with an external reference, each by a digest of it (store/references.py), and '' once it has all of them.
local function references_of(feed_key) return string.sub(feed_key, 1, -2) .. 'r' end
