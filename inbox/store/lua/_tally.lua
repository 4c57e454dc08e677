-- adds (`sign` 1) or takes away (-1) what one row's `flags` contribute to the counts
-- flags: 1 live, 2 unseen, 4 unread, 8 archived, 16 snoozed, 32-96 severity (0 none, 1 high, 2 medium, 3 low), 128 edited
if bit.band(flags, 2) ~= 0 then unseen = unseen + sign end
if bit.band(flags, 4) ~= 0 then
  unread = unread + sign
  if bit.band(flags, 16) == 0 then
    badge = badge + sign
    local severity = bit.band(bit.rshift(flags, 5), 3)
    if severity == 1 then high = high + sign
    elseif severity == 2 then medium = medium + sign
    elseif severity == 3 then low = low + sign end
  end
end
