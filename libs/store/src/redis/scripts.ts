/** The one script that changes data. Text in a module, since what is built is TypeScript only. */
export const COMMIT_LUA = `
-- commit.lua: one atomic change of one aggregate.
--
-- KEYS[1]                inventory: sorted set of what the aggregate holds, 'r:name' scored with its expiry (or +inf),
--                        's:set' and 'l:log' scored +inf
-- KEYS[2 .. E+1]         the records of the E expectations, in their order
-- then S keys            the sets that are changed
-- then 3 * L keys        per log: stream of entries, hash {last, trimmed}, hash dedupe id -> sequence
--
-- ARGV[1] now            Unix ms by the caller's clock: it decides what has expired
-- ARGV[2] grace          ms that Redis keeps what has expired, for callers whose clock is behind
-- ARGV[3 .. 11]          counts: E, S, L, puts, deletes, additions, removals, appends, trims
-- then E * (name, revision | 'absent')
-- then S * (name)
-- then L * (name, channel)
-- then puts * (index of expectation, new revision, expiry in Unix ms | '', value)
-- then deletes * (index of expectation)
-- then additions * (index of set, member), removals * (index of set, member)
-- then appends * (index of log, dedupe id, value)
-- then trims * (index of log, sequence)
--
-- A record is stored as '<revision>:<expiry or nothing>:<value>'. Revisions are given by the caller and only compared
-- here; sequences are counted here, exactly, up to 2^53.
--
-- Result: {'conflict', name}, with nothing changed, or {'ok', sequence of each append ...}

local at = 0
local function arg()
  at = at + 1
  return ARGV[at]
end
local function num() return tonumber(arg()) end
local function text(n) return string.format('%.0f', n) end

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
  local each, dedupeId, value = log[num()], arg(), arg()
  local sequence = redis.call('HGET', each.dedupe, dedupeId)
  if not sequence then
    sequence = text(redis.call('HINCRBY', each.state, 'last', 1))
    redis.call('XADD', each.stream, sequence .. '-0', 'd', dedupeId, 'v', value)
    redis.call('HSET', each.dedupe, dedupeId, sequence)
    redis.call('ZADD', inventory, '+inf', 'l:' .. each.name)
  end
  each.appended = true
  result[#result + 1] = sequence
end

for _ = 1, trims do
  local each, upTo = log[num()], num()
  local state = redis.call('HMGET', each.state, 'last', 'trimmed')
  local last, trimmed = tonumber(state[1] or 0), tonumber(state[2] or 0)
  upTo = math.min(upTo, last)
  if upTo > trimmed then
    local from = trimmed + 1
    while from <= upTo do
      local page = redis.call('XRANGE', each.stream, text(from) .. '-0', text(upTo) .. '-0', 'COUNT', 16)
      if #page == 0 then break end
      for _, entry in ipairs(page) do
        redis.call('HDEL', each.dedupe, entry[2][2])
        from = tonumber(string.match(entry[1], '^%d+')) + 1
      end
    end
    redis.call('XTRIM', each.stream, 'MINID', text(upTo + 1) .. '-0')
    redis.call('HSET', each.state, 'trimmed', text(upTo))
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
`;

export const READ_LOG_LUA = `
-- read-log.lua: a page of one log, as of one moment. Changes nothing.
--
-- KEYS[1] stream of entries   KEYS[2] hash {last, trimmed}
-- ARGV[1] sequence after which to read   ARGV[2] number of entries at most   ARGV[3] bytes of values at most (the first
--         entry comes even if it is larger)
--
-- Result: {last, trimmed, sequence, dedupe id, value, sequence, dedupe id, value ...}

local state = redis.call('HMGET', KEYS[2], 'last', 'trimmed')
local result = {state[1] or '0', state[2] or '0'}
local after, left, room = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
while left > 0 do
  -- in small steps, so that a page of large entries is not read further than it is sent
  local page = redis.call('XRANGE', KEYS[1], string.format('%.0f-0', after + 1), '+', 'COUNT', math.min(left, 16))
  if #page == 0 then break end
  for _, entry in ipairs(page) do
    local sequence, dedupeId, value = string.match(entry[1], '^%d+'), entry[2][2], entry[2][4]
    room = room - #value
    if room < 0 and #result > 2 then return result end
    result[#result + 1], result[#result + 2], result[#result + 3] = sequence, dedupeId, value
    after = tonumber(sequence)
    left = left - 1
  end
end
return result
`;

export const INDEX_LUA = `
-- index.lua: enters an aggregate in the index of its kind. Runs before the commit that may make the aggregate, so that
-- none is missing from the index; one too many is found out by whoever lists it.
--
-- KEYS[1] sorted set of ids, all scored 0   KEYS[2] sorted set of ids found empty, scored with the time of finding
-- ARGV[1] id
--
-- Result: 1

redis.call('ZADD', KEYS[1], 0, ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
`;

export const UNINDEX_LUA = `
-- unindex.lua: removes from the index of a kind what was found empty twice, with time in between: longer than any commit
-- takes, so that a commit which entered the aggregate in the index before the first finding is over by the second.
--
-- KEYS[1] sorted set of ids, all scored 0   KEYS[2] sorted set of ids found empty, scored with the time of finding
-- ARGV[1] now, Unix ms   ARGV[2] ms between the findings   ARGV[3 ..] ids found empty now
--
-- Result: number of ids removed

local now, between, removed = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
for i = 3, #ARGV do
  local found = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if not found then
    redis.call('ZADD', KEYS[2], ARGV[1], ARGV[i])
  elseif now - tonumber(found) >= between then
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
    removed = removed + 1
  end
end
return removed
`;
