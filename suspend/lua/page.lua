-- Reads a page of sorted sets, from a place on in the order of score and member. It finds its way by ranks, so that a
-- page costs the same wherever it lies, however many members have one score, and whether the place is still taken.
--
-- KEYS: the sets, of one slot.
-- ARGV: lowest and highest score, as ZCOUNT takes them; "up" or "down"; how many members of each set;
--       score and member of the place that the page begins after, the score "" = at the beginning.
-- Returns for each set a list of member, score, … in ascending order.

local low, high, down, limit, score, member = ARGV[1], ARGV[2], ARGV[3] == 'down', tonumber(ARGV[4]), ARGV[5], ARGV[6]

-- By bytes, as sets are sorted: the order of strings in Lua is that of the server's language.
local function less(a, b)
  for n = 1, math.min(#a, #b) do
    local x, y = a:byte(n), b:byte(n)
    if x ~= y then
      return x < y
    end
  end
  return #a < #b
end

-- The number of members before the place, and of those at it.
local function before(key)
  local first, last = redis.call('ZCOUNT', key, '-inf', '(' .. score), redis.call('ZCOUNT', key, '-inf', score)
  local at = redis.call('ZRANK', key, member)
  if at and at >= first and at < last then
    return at, 1
  end
  while first < last do
    local middle = math.floor((first + last) / 2)
    if less(redis.call('ZRANGE', key, middle, middle)[1], member) then
      first = middle + 1
    else
      last = middle
    end
  end
  return first, 0
end

local function page(key)
  local first, last = redis.call('ZCOUNT', key, '-inf', '(' .. low), redis.call('ZCOUNT', key, '-inf', high)
  if score ~= '' then
    local at, there = before(key)
    if down then
      last = math.min(last, at)
    else
      first = math.max(first, at + there)
    end
  end
  if down then
    first = math.max(first, last - limit)
  else
    last = math.min(last, first + limit)
  end
  if first >= last then
    return {}
  end
  return redis.call('ZRANGE', key, first, last - 1, 'WITHSCORES')
end

local pages = {}
for n, key in ipairs(KEYS) do
  pages[n] = page(key)
end
return pages
