-- Reads the wanted part of an execution in one go. With each wanted step come the parts of fans that it belongs to.
--
-- KEYS[1] the execution, KEYS[2] its shared state
-- ARGV: "all" for everything as it is stored, or: "1" if the shared state is wanted, n, n fields,
--       n, n steps whose inputs and resume data are wanted,
--       n, n nodes whose last output is wanted, n, n nodes whose last step is wanted, n, n values
-- Returns {now in ms, {field, value, …}, {key, value, …} of the shared state}; fields that are missing are left
-- out. A value that says "the same as another" ("@field") is given as that one; one that lists the results of
-- parts ("@*step,count") comes with them. An empty answer: no such execution.

local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
if ARGV[1] == 'all' then
  local all = redis.call('HGETALL', KEYS[1])
  return #all > 0 and {now, all, redis.call('HGETALL', KEYS[2])} or {}
end

local i = 1

local function arg()
  i = i + 1
  return ARGV[i - 1]
end

local out, seen = {}, {}

local function put(field, value)
  if value and not seen[field] then
    seen[field] = value
    out[#out + 1] = field
    out[#out + 1] = value
  end
end

local function value(field)
  if seen[field] then
    return
  end
  local v = redis.call('HGET', KEYS[1], field)
  for _ = 1, 100 do -- what is passed on is named by its origin: chains are short
    if not v or string.sub(v, 1, 1) ~= '@' or string.sub(v, 2, 2) == '*' then
      break
    end
    v = redis.call('HGET', KEYS[1], string.sub(v, 2))
  end
  put(field, v)
  local step, count = string.match(v or '', '^@%*([^,]+),(%d+)$')
  if step then -- each part has a record, so that no list is longer than the hash
    for n = 0, math.min(tonumber(count), redis.call('HLEN', KEYS[1])) - 1 do
      value('r' .. step .. ':' .. n)
    end
  end
end

local function fields(names)
  if #names == 0 then
    return
  end
  for from = 1, #names, 2000 do
    local to = math.min(from + 1999, #names)
    local values = redis.call('HMGET', KEYS[1], unpack(names, from, to))
    for n = from, to do
      put(names[n], values[n - from + 1])
    end
  end
end

-- around reads the part that a step belongs to, the fan of that part, the part that the fan belongs to, and so on.
local function around(record)
  local part = string.match(record, '^%d+|[^|]*|[^|;]*;([^|]+)|')
  while part and not seen['p' .. part] do
    local of = redis.call('HGET', KEYS[1], 'p' .. part)
    put('p' .. part, of)
    local owner = of and string.match(of, '^([^|]+)|')
    if owner and seen['w' .. owner] then
      return -- with all that the fan belongs to
    end
    local fan = owner and redis.call('HGET', KEYS[1], 'w' .. owner)
    put('w' .. (owner or ''), fan)
    part = fan and string.match(fan, '^([^|]+)|')
  end
end

local function list()
  local names = {}
  for _ = 1, tonumber(arg()) do
    names[#names + 1] = arg()
  end
  return names
end

local state = {}
local wanted = arg()
fields(list())
if not seen['r'] then
  return {}
end
for n = 1, #out, 2 do
  if string.sub(out[n], 1, 1) == 'a' then
    around(out[n + 1])
  end
end
if wanted == '1' then
  state = redis.call('HGETALL', KEYS[2])
end

for _, step in ipairs(list()) do
  local record = seen['a' .. step]
  local refs = record and string.match(record, '^%d+|[^|]*|([^|;]*)')
  for ref in string.gmatch(refs or '', '[^,]+') do
    value(ref)
  end
  value('d' .. step)
end

local states = string.match(seen['f'] or '', '^%d+|%d+|([^{|]*)|') or ''

local function last(node)
  local runs = string.match(states, ';' .. node .. ':([^;]+)')
  if not runs then
    runs = redis.call('HGET', KEYS[1], 'n' .. node)
    put('n' .. node, runs)
  end
  local run = runs and string.match(runs, '^%d+,(%d+)')
  return run and node .. '.' .. run
end

for _, node in ipairs(list()) do
  local step = last(node)
  if step then
    value('o' .. step)
  end
end
for _, node in ipairs(list()) do
  local step = last(node)
  if step then
    fields({'a' .. step})
  end
end

for _, ref in ipairs(list()) do
  value(ref)
end

return {now, out, state}
