-- Makes a wait the taker of an event.
--
-- KEYS[1] the event, KEYS[2] the events of its type that may be taken
-- ARGV[1] id, ARGV[2] the wait, ARGV[3] the taker that it replaces ("" = none),
-- ARGV[4] "1" if the wait found the event while it was being published: its publisher is to count it
-- Returns 1 if the wait is the taker now, else 0.

local open = redis.call('HEXISTS', KEYS[1], 'lease') == 1
if not open and not redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  return 0 -- neither kept nor still being published
end
if open and ARGV[4] == '1' then
  redis.call('HSET', KEYS[1], 'w:' .. ARGV[2], '')
end
local taker = redis.call('HGET', KEYS[1], 'taker') or ''
if taker == ARGV[2] then
  return 1
end
if taker ~= ARGV[3] then
  return 0
end
redis.call('HSET', KEYS[1], 'taker', ARGV[2])
return 1
