-- What place_acquire.lua and place_release.lua share: it stands before each of them.
--
-- KEYS and ARGV are theirs. Returns nothing.

local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))

-- Gives what is free to the first of the queue. The score of one that waits is its number of arrival * 16384
-- + its limit: the limit of who is first decides.
local function promote(holders, queue)
  local promoted = {}
  for _ = 1, 100 do -- the next call goes on
    local first = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
    if not first[1] or redis.call('ZCARD', holders) >= tonumber(first[2]) % 16384 then
      break
    end
    redis.call('ZADD', holders, now, first[1])
    redis.call('ZREM', queue, first[1])
    promoted[#promoted + 1] = first[1]
  end
  return promoted
end
