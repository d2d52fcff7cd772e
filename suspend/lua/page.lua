-- Reads a page of sorted sets that are merged, from a place on in the order of score and member. It finds its way by ranks, so
-- that a page costs the same wherever it lies, however many members have one score, and whether the place is still taken. Of
-- each set it reads little more than what the page shows of it.
--
-- KEYS: the sets, of one slot.
-- ARGV: lowest and highest score, as ZCOUNT takes them; "up" or "down"; how many members at most;
--       score and member of the place that the page begins after, the score "" = at the beginning.
-- Returns member, score, … in that order. What stands in several sets with one score is given once.

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

-- The ranks of what the page may show of a set: from the first to before the last.
local function ranks(key)
  local first, last = 0, redis.call('ZCARD', key)
  if last == 0 then
    return 0, 0
  end
  if low ~= '-inf' then
    first = redis.call('ZCOUNT', key, '-inf', '(' .. low)
  end
  if high ~= 'inf' then
    last = redis.call('ZCOUNT', key, '-inf', high)
  end
  if score ~= '' then
    local at, there = before(key)
    if down then
      last = math.min(last, at)
    else
      first = math.max(first, at + there)
    end
  end
  return first, last
end

local share = math.ceil(limit / #KEYS)

-- Goes on to the next member of a set, and tells whether there is one.
local function next_(set)
  set.at = set.at + 1
  if set.at > #set.rows / 2 then
    if set.first >= set.last then
      return false
    end
    local count = math.min(set.share, set.last - set.first)
    if down then
      set.rows = redis.call('ZRANGE', set.key, set.last - count, set.last - 1, 'WITHSCORES')
      set.last = set.last - count
    else
      set.rows = redis.call('ZRANGE', set.key, set.first, set.first + count - 1, 'WITHSCORES')
      set.first = set.first + count
    end
    set.at, set.share = 1, math.min(2 * set.share, limit)
  end
  local n = down and #set.rows - 2 * set.at or 2 * set.at - 2
  set.member, set.text = set.rows[n + 1], set.rows[n + 2]
  set.score = set.text == 'inf' and math.huge or tonumber(set.text)
  return true
end

local function precedes(a, b)
  if a.score ~= b.score then
    return (a.score < b.score) ~= down
  end
  return a.member ~= b.member and less(a.member, b.member) ~= down
end

local heap = {} -- the set whose member comes first stands first

local function sink(n)
  while true do
    local least = n
    for child = 2 * n, math.min(2 * n + 1, #heap) do
      if precedes(heap[child], heap[least]) then
        least = child
      end
    end
    if least == n then
      return
    end
    heap[n], heap[least], n = heap[least], heap[n], least
  end
end

for _, key in ipairs(KEYS) do
  local first, last = ranks(key)
  local set = {key = key, first = first, last = last, at = 0, rows = {}, share = share}
  if next_(set) then
    heap[#heap + 1] = set
  end
end
for n = math.floor(#heap / 2), 1, -1 do
  sink(n)
end

local page = {}
while #heap > 0 and #page < 2 * limit do
  local set = heap[1]
  if set.member ~= page[#page - 1] or set.text ~= page[#page] then
    page[#page + 1] = set.member
    page[#page + 1] = set.text
  end
  if not next_(set) then
    heap[1] = heap[#heap]
    heap[#heap] = nil
  end
  sink(1)
end
return page
