-- Takes a holder out of a concurrency key, and gives what is free to the first of the queue.
--
-- KEYS[1] who holds a place -> since when, KEYS[2] who waits -> arrival and limit
-- ARGV[1] the holder
-- Returns those who got a place.

local holder = ARGV[1]
redis.call('ZREM', KEYS[1], holder)
redis.call('ZREM', KEYS[2], holder)
return promote(KEYS[1], KEYS[2])
