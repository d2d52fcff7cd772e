-- Reads a page of sorted sets that are merged, from a place on in the order of score and member. It finds its way by ranks, so
-- that a page costs the same wherever it lies, however many members have one score, and whether the place is still taken. Of
-- each set it reads piece by piece, from the set that was read least far: a piece that ends before all others is surely of the page.
--
-- KEYS: the sets, of one slot.
-- ARGV: lowest and highest score, as ZCOUNT takes them; "up" or "down"; how many members at most;
--       score and member of the place that the page begins after, the score "" = at the beginning.
-- Returns member, score, … in any order: the page, and what was read beyond it. What stands in several sets is given once.

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
  local at = first < last and redis.call('ZRANK', key, member)
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

local page, given = {}, {}
local sure, many = {}, 0 -- members that are of the page

-- Reads the next piece of a set, and tells whether there is one.
local function read(set)
  local count = math.min(set.share, set.last - set.first, limit - many)
  if count <= 0 then
    return false
  end
  if down then
    set.last = set.last - count
    set.rows = redis.call('ZRANGE', set.key, set.last, set.last + count - 1, 'WITHSCORES')
  else
    set.rows = redis.call('ZRANGE', set.key, set.first, set.first + count - 1, 'WITHSCORES')
    set.first = set.first + count
  end
  for n = 1, 2 * count, 2 do
    if not given[set.rows[n]] then
      given[set.rows[n]] = true
      page[#page + 1] = set.rows[n]
      page[#page + 1] = set.rows[n + 1]
    end
  end
  local furthest = down and 1 or 2 * count - 1
  set.member, set.score = set.rows[furthest], set.rows[furthest + 1]
  set.score = set.score == 'inf' and math.huge or tonumber(set.score)
  set.share = 2 * set.share
  return true
end

local function precedes(a, b)
  if a.score ~= b.score then
    return (a.score < b.score) ~= down
  end
  return a.member ~= b.member and less(a.member, b.member) ~= down
end

local heap = {} -- the set that was read least far stands first

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

local share = math.ceil(limit / #KEYS)
for _, key in ipairs(KEYS) do
  local first, last = ranks(key)
  local set = {key = key, first = first, last = last, share = share}
  if read(set) then
    heap[#heap + 1] = set
  end
end
for n = math.floor(#heap / 2), 1, -1 do
  sink(n)
end

while #heap > 0 do
  local set = heap[1]
  for n = 1, #set.rows, 2 do
    if not sure[set.rows[n]] then
      sure[set.rows[n]], many = true, many + 1
    end
  end
  if many >= limit then
    break
  end
  if not read(set) then
    heap[1] = heap[#heap]
    heap[#heap] = nil
  end
  sink(1)
end
return page
