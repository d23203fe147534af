-- One atomic change of one aggregate.
--
-- KEYS[1]                inventory: sorted set of what the aggregate holds, 'r:name' scored with its expiry (or +inf),
--                        's:set' and 'l:log' scored +inf
-- KEYS[2 .. E+1]         the records of the E expectations, in their order
-- then S keys            the sets that are changed
-- then 3 * L keys        per log: stream of entries, hash {last, trimmed, trimmedId}, hash dedupe id -> sequence
--
-- ARGV[1] now            Unix ms by the caller's clock: it decides what has expired
-- ARGV[2] grace          ms that Redis keeps what has expired, for callers whose clock is behind
-- ARGV[3 .. 11]          counts: E, S, L, puts, deletes, additions, removals, appends, trims
-- then E * (name, revision | 'absent')
-- then S * (name)
-- then L * (name, channel)
-- then trims * (index of log, sequence, id that its entry has to have | '')
-- then puts * (index of expectation, new revision, expiry in Unix ms | '', value)
-- then deletes * (index of expectation)
-- then additions * (index of set, member), removals * (index of set, member)
-- then appends * (index of log, dedupe id, value, id)
--
-- A record is stored as '<revision>:<expiry or nothing>:<value>'. Revisions are given by the caller and only compared
-- here; sequences are counted here, exactly, up to 2^53. An entry has the fields d (dedupe id), v (value), i (id); one from
-- before there were ids, and a trim of that time, has its sequence in 16 digits as its id.
--
-- Result: {'conflict', name}, with nothing changed, or {'ok', sequence and id of each append ...}

local at = 0
local function arg()
  at = at + 1
  return ARGV[at]
end
local function num() return tonumber(arg()) end
local function text(n) return string.format('%.0f', n) end
local function idAt(each, sequence)
  if sequence == 0 then return '' end
  local state = redis.call('HMGET', each.state, 'trimmed', 'trimmedId')
  local id = state[2]
  if tonumber(state[1] or 0) ~= sequence then
    local found = redis.call('XRANGE', each.stream, text(sequence) .. '-0', text(sequence) .. '-0')
    if not found[1] then return '' end
    id = found[1][2][6]
  end
  return id or string.format('%016.0f', sequence)
end

local now, grace = num(), num()
local expects, sets, logs = num(), num(), num()
local puts, deletes, additions, removals, appends, trims = num(), num(), num(), num(), num(), num()

local inventory = KEYS[1]
local names = {}
for i = 1, expects do
  local name, expected = arg(), arg()
  names[i] = name
  local found = 'absent'
  local stored = redis.call('GET', KEYS[1 + i])
  if stored then
    local revision, expiry = string.match(stored, '^(%d+):(%d*):')
    if expiry == '' or now < tonumber(expiry) then found = revision end
  end
  if found ~= expected then return {'conflict', name} end
end

local setNames, setKeys = {}, {}
for i = 1, sets do
  setNames[i], setKeys[i] = arg(), KEYS[1 + expects + i]
end
local log = {}
for i = 1, logs do
  local first = 1 + expects + sets + 3 * (i - 1)
  log[i] = { name = arg(), channel = arg(), stream = KEYS[first + 1], state = KEYS[first + 2], dedupe = KEYS[first + 3] }
end

local doomed = {}
for i = 1, trims do
  doomed[i] = { log = log[num()], upTo = num() }
  local expected = arg()
  if expected ~= '' and idAt(doomed[i].log, doomed[i].upTo) ~= expected then
    return {'conflict', doomed[i].log.name}
  end
end

for _ = 1, puts do
  local i, revision, expiry, value = num(), arg(), arg(), arg()
  redis.call('SET', KEYS[1 + i], revision .. ':' .. expiry .. ':' .. value)
  if expiry == '' then
    redis.call('ZADD', inventory, '+inf', 'r:' .. names[i])
  else
    redis.call('ZADD', inventory, expiry, 'r:' .. names[i])
    redis.call('PEXPIRE', KEYS[1 + i], text(math.max(1, tonumber(expiry) - now + grace)))
  end
end

for _ = 1, deletes do
  local i = num()
  redis.call('DEL', KEYS[1 + i])
  redis.call('ZREM', inventory, 'r:' .. names[i])
end

for _ = 1, additions do
  local i, member = num(), arg()
  redis.call('ZADD', setKeys[i], 0, member)
  redis.call('ZADD', inventory, '+inf', 's:' .. setNames[i])
end

for _ = 1, removals do
  local i, member = num(), arg()
  redis.call('ZREM', setKeys[i], member)
  if redis.call('EXISTS', setKeys[i]) == 0 then redis.call('ZREM', inventory, 's:' .. setNames[i]) end
end

local result = {'ok'}
for _ = 1, appends do
  local each, dedupeId, value, id = log[num()], arg(), arg(), arg()
  local sequence = redis.call('HGET', each.dedupe, dedupeId)
  if not sequence then
    sequence = text(redis.call('HINCRBY', each.state, 'last', 1))
    redis.call('XADD', each.stream, sequence .. '-0', 'd', dedupeId, 'v', value, 'i', id)
    redis.call('HSET', each.dedupe, dedupeId, sequence)
    redis.call('ZADD', inventory, '+inf', 'l:' .. each.name)
  end
  each.appended = true
  result[#result + 1], result[#result + 2] = sequence, idAt(each, tonumber(sequence))
end

for i = 1, trims do
  local each, upTo = doomed[i].log, doomed[i].upTo
  local state = redis.call('HMGET', each.state, 'last', 'trimmed')
  local last, trimmed = tonumber(state[1] or 0), tonumber(state[2] or 0)
  upTo = math.min(upTo, last)
  if upTo > trimmed then
    local from, trimmedId = trimmed + 1, idAt(each, upTo)
    while from <= upTo do
      local page = redis.call('XRANGE', each.stream, text(from) .. '-0', text(upTo) .. '-0', 'COUNT', 16)
      if #page == 0 then break end
      for _, entry in ipairs(page) do
        redis.call('HDEL', each.dedupe, entry[2][2])
        from = tonumber(string.match(entry[1], '^%d+')) + 1
      end
    end
    redis.call('XTRIM', each.stream, 'MINID', text(upTo + 1) .. '-0')
    redis.call('HSET', each.state, 'trimmed', text(upTo), 'trimmedId', trimmedId)
  end
end

-- the inventory lives as long as the longest-lived thing in it
redis.call('ZREMRANGEBYSCORE', inventory, '-inf', text(now))
local longest = redis.call('ZRANGE', inventory, 0, 0, 'REV', 'WITHSCORES')
if longest[2] == 'inf' then
  redis.call('PERSIST', inventory)
elseif longest[2] then
  redis.call('PEXPIRE', inventory, text(math.max(1, tonumber(longest[2]) - now + grace)))
end

for i = 1, logs do
  if log[i].appended then redis.call('PUBLISH', log[i].channel, '') end
end
return result
