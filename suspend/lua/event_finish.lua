-- Stores what came of a published event, once.
--
-- KEYS[1] the event, KEYS[2] the events of its type that may be taken
-- ARGV[1] id, ARGV[2] result as JSON if it is not kept, ARGV[3] result if it is kept,
-- ARGV[4] "1" if it is kept whoever took it, ARGV[5] "1" if nobody took it
-- Returns {"stands", the result that stands}, or, with nothing stored, {"takers", waits …}: they took the event by
-- themselves while it was published, and are to be counted first.

local seen = redis.call('HGET', KEYS[1], 'result')
if seen then
  return {'stands', seen}
end
local takers = {'takers'}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 2) == 'w:' then
    takers[#takers + 1] = string.sub(field, 3)
    redis.call('HDEL', KEYS[1], field)
  end
end
if #takers > 1 then
  return takers
end
local kept = (ARGV[4] == '1' or ARGV[5] == '1') and redis.call('ZSCORE', KEYS[2], ARGV[1])
local result = kept and ARGV[3] or ARGV[2]
redis.call('HSET', KEYS[1], 'result', result)
redis.call('HDEL', KEYS[1], 'lease')
if not kept then
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return {'stands', result}
