-- Stores what came of a published event, once.
--
-- KEYS[1] the event, KEYS[2] the events of its type that may be taken
-- ARGV[1] id, ARGV[2] result as JSON if it is not kept, ARGV[3] result if it is kept,
-- ARGV[4] "1" if it is kept whoever took it, ARGV[5] "1" if nobody took it
-- Returns the result that stands.

local seen = redis.call('HGET', KEYS[1], 'result')
if seen then
  return seen
end
local kept = (ARGV[4] == '1' or ARGV[5] == '1') and redis.call('ZSCORE', KEYS[2], ARGV[1])
local result = kept and ARGV[3] or ARGV[2]
redis.call('HSET', KEYS[1], 'result', result)
redis.call('HDEL', KEYS[1], 'lease')
if not kept then
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return result
