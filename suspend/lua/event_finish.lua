-- Stores what came of a published event, once.
--
-- KEYS and ARGV as event.lua says, then how many waits the publisher counted, the result as JSON if it is not kept, the
-- result if it is kept
-- Returns {"stands", the result that stands}, or, with nothing stored, {"open", waits of whom nobody said what became of
-- them} or {"took"} when more waits took it than were counted.

local count, dropped, kept = tonumber(arg()), arg(), arg()
local seen = redis.call('HGET', KEYS[1], 'result')
if seen then
  return {'stands', seen}
end
local waits = redis.call('HKEYS', KEYS[4])
if #waits > 0 then
  table.insert(waits, 1, 'open')
  return waits
end
if redis.call('SCARD', KEYS[5]) > count then
  return {'took'}
end
local stays = not spent() and redis.call('ZSCORE', KEYS[2], id)
redis.call('HSET', KEYS[1], 'result', stays and kept or dropped)
redis.call('ZREM', KEYS[3], name)
if not stays then
  drop()
end
return {'stands', stays and kept or dropped}
