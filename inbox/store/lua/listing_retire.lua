#!lua flags=allow-oom
-- Takes members out of lists.
-- KEYS: 1 and further ones: the lists (sorted sets); ARGV: the members
-- Returns 1
--#retire
for i = 1, #KEYS do
  for j = 1, #ARGV do retire(KEYS[i], ARGV[j]) end
end
return 1
