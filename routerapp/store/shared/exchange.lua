-- One exchange of one gateway process with all others: its part goes in, everybody's comes out, in one atomic step.
--
-- KEYS[1]: prefix of every key, in braces, so that they share one slot. ARGV[1]: wire.Sent as MessagePack. Returns wire.Received.
-- Every key carries an expiry. Numbers are doubles: whole ones are exact up to 2^53 (nano-dollars: nine million dollars).

local P = KEYS[1]
local sent = cmsgpack.unpack(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local MINUTE, PARALLEL, MONEY = 1, 2, 3
local FLEET_TTL = 40 * 86400000
local STATE_TTL = 86400000
local DEPLOYMENT_TTL = 3600000
local FORGET_TTFT = 600000
local SUCCESS_SAMPLES = 50
local MOST_CHANGED = 500

local function whole(n) return string.format('%.0f', n) end

-- Who is there. A process is live until its lease ends; what it held of money is reserved for longer.

local generation = redis.call('GET', P .. ':generation')
if not generation then
  generation = sent.new_generation
  redis.call('SET', P .. ':generation', generation)
end
redis.call('PEXPIRE', P .. ':generation', FLEET_TTL)

redis.call('ZREMRANGEBYSCORE', P .. ':processes', '-inf', whole(now - STATE_TTL))
redis.call('ZADD', P .. ':processes', whole(sent.is_leaving and now - 1 or now + sent.lease_ms), sent.me)
redis.call('PEXPIRE', P .. ':processes', FLEET_TTL)
local lease_ends, live, live_ids, orphans = {}, {}, {}, 0
local known = redis.call('ZRANGE', P .. ':processes', 0, -1, 'WITHSCORES')
for i = 1, #known, 2 do
  local id, ends = known[i], tonumber(known[i + 1])
  lease_ends[id] = ends
  if ends >= now then
    live[id] = true
    live_ids[#live_ids + 1] = id
  else
    orphans = orphans + 1
  end
end
table.sort(live_ids)
local place = 0
for i, id in ipairs(live_ids) do
  if id == sent.me then place = i - 1 end
end

-- Books of limits: fields g:<process> granted, s:<process> spent of it (money), c spent by processes that are gone,
-- f what rows of the database know beyond that.

local function read_book(key)
  local book = { c = 0, f = 0, granted = {}, spent = {} }
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local mark, id, value = string.sub(flat[i], 1, 2), string.sub(flat[i], 3), tonumber(flat[i + 1])
    if mark == 'g:' then book.granted[id] = value
    elseif mark == 's:' then book.spent[id] = value
    elseif flat[i] == 'c' or flat[i] == 'f' then book[flat[i]] = value end
  end
  return book
end

-- What all others have of it. Of a process that is gone: minutes count as used; a place in flight is free at once; money counts
-- as spent until its reservation is over, and then as far as it was reported.
local function taken_by_others(key, kind, book)
  local total = 0
  for id, granted in pairs(book.granted) do
    local spent = book.spent[id] or 0
    if id == sent.me then
    elseif live[id] or kind == MINUTE then total = total + math.max(granted, spent)
    elseif kind == PARALLEL then redis.call('HDEL', key, 'g:' .. id)
    elseif not lease_ends[id] then
      redis.call('HINCRBY', key, 'c', whole(spent))
      redis.call('HDEL', key, 'g:' .. id, 's:' .. id)
      book.c = book.c + spent
    elseif now > lease_ends[id] + sent.reservation_ms then total = total + spent
    else total = total + math.max(granted, spent) end
  end
  return total
end

-- A process that comes to a book without it (its data were lost) brings what it last saw of those that are gone.
local function join(key, book, gone, acknowledged)
  if not book.granted[sent.me] and book.f > 0 and acknowledged > 0 then
    local counted_twice = math.min(book.f, acknowledged + math.max(0, gone - book.c))
    book.f = book.f - counted_twice
    redis.call('HSET', key, 'f', whole(book.f))
  end
  if gone > book.c + book.f then
    book.c = gone - book.f
    redis.call('HSET', key, 'c', whole(book.c))
  end
end

local function leave(key, kind, used, spent)
  if kind == MINUTE then redis.call('HSET', key, 'g:' .. sent.me, whole(used))
  else redis.call('HDEL', key, 'g:' .. sent.me, 's:' .. sent.me) end
  if kind == MONEY and spent > 0 then redis.call('HINCRBY', key, 'c', whole(spent)) end
end

-- What this process may use in all: what it has used, what it needs now, and of the rest a part ahead of need, the smaller the less is left.
local function share(room, used, target, need)
  if used + need >= room then return math.max(used, math.min(used + need, room)) end
  local rest = room - used - need
  local most = #live_ids > 1 and math.floor(rest / (2 * #live_ids)) or rest
  return used + need + math.min(math.max(0, target - used - need), most)
end

local function settle(entry)
  local key, kind, limit, used, target, need = P .. ':book:' .. entry[1], entry[2], entry[3], entry[4], entry[5], entry[6]
  local spent, gone, acknowledged, ttl = entry[7], entry[8], entry[9], entry[10]
  local book = read_book(key)
  if kind == MONEY then join(key, book, gone, acknowledged) end
  local others = taken_by_others(key, kind, book)
  local room = math.max(0, limit - book.c - book.f - others)
  local granted = used
  if sent.is_leaving then
    leave(key, kind, used, spent)
  else
    granted = share(room, used, target, need)
    redis.call('HSET', key, 'g:' .. sent.me, whole(granted))
    if kind == MONEY then redis.call('HSET', key, 's:' .. sent.me, whole(spent)) end
  end
  redis.call('PEXPIRE', key, ttl)
  return { granted, math.max(0, room - granted), book.c + book.f }
end

-- Rows of the database never know more than was spent: where they do, a book lost something, and the difference is added once.
local function raise(floor)
  local key, nusd = P .. ':book:' .. floor[1], floor[2]
  local book = read_book(key)
  local counted = book.c + book.f
  for _, spent in pairs(book.spent) do counted = counted + spent end
  if nusd > counted then
    redis.call('HINCRBY', key, 'f', whole(nusd - counted))
    redis.call('PEXPIRE', key, floor[3])
  end
end

-- Deployments: minute, requests, tokens, ttft, ttft at, ttft samples, success, success samples, is open, reopens at, openings, breaker version.

local sequence = tonumber(redis.call('GET', P .. ':sequence') or '0')
local function changed(log, name)
  if sequence < sent.at_least then sequence = sent.at_least end
  redis.call('ZADD', P .. ':changed:' .. log, whole(sequence + 1), name)
end

local function merge_ttft(v, d)
  local ttft, at, n, base, is_peak = d.ttft, d.ttft_at, d.ttft_n, d.ttft_base, d.is_peak
  if n == 0 then return end
  local theirs = v[6] - base
  if v[6] == 0 or theirs <= 0 or at - v[5] >= FORGET_TTFT or (is_peak and ttft >= v[4]) then v[4] = ttft
  elseif not (v[4] > ttft and v[5] > at) then v[4] = (v[4] * theirs + ttft * n) / (theirs + n) end
  v[5] = math.max(v[5], at)
  v[6] = v[6] + n
end

local function merge_success(v, d)
  for _ = 1, math.min(d.ok_n, 500) do
    v[8] = v[8] + 1
    v[7] = v[7] + (d.ok - v[7]) / math.min(v[8], SUCCESS_SAMPLES)
  end
end

local function merge_breaker(v, d)
  if d.breaker == 'opened' then
    v[10] = v[9] == 1 and math.max(v[10], d.reopens_at) or d.reopens_at
    v[11] = math.max(v[11], d.openings)
    v[9], v[12] = 1, v[12] + 1
  elseif d.breaker == 'closed' and d.version == v[12] then
    v[9], v[10], v[11], v[12] = 0, 0, 0, v[12] + 1
  end
end

local function merge_deployment(d)
  local key = P .. ':deployment:' .. d.slug
  local stored = redis.call('GET', key)
  local v = stored and cmsgpack.unpack(stored) or { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
  if d.minute > v[1] then v[1], v[2], v[3] = d.minute, 0, 0 end
  if d.minute == v[1] then v[2], v[3] = v[2] + d.requests, v[3] + d.tokens end
  merge_ttft(v, d)
  merge_success(v, d)
  merge_breaker(v, d)
  redis.call('SET', key, cmsgpack.pack(v), 'PX', DEPLOYMENT_TTL)
  changed('deployments', d.slug)
end

local function merge_turns(one)
  local key = P .. ':turns:' .. one[1]
  for _, pair in ipairs(one[2]) do redis.call('HINCRBY', key, pair[1], whole(pair[2])) end
  redis.call('PEXPIRE', key, STATE_TTL)
  changed('turns', one[1])
end

local function merge_units(units)
  if #units == 0 then return end
  for _, one in ipairs(units) do
    redis.call('HSET', P .. ':units', one[1], cmsgpack.pack(one))
    changed('units', one[1])
  end
  local log = P .. ':changed:units'
  local over = redis.call('ZCARD', log) - sent.most_units
  if over > 0 then
    local oldest = redis.call('ZPOPMIN', log, whole(math.min(over, 1000)))
    for i = 1, #oldest, 2 do redis.call('HDEL', P .. ':units', oldest[i]) end
  end
  redis.call('PEXPIRE', P .. ':units', sent.unit_ttl)
end

-- What others run now is one value per process, gone with its lease.
local function in_flight_of_others()
  local total = {}
  for _, id in ipairs(live_ids) do
    local stored = id ~= sent.me and redis.call('GET', P .. ':in_flight:' .. id)
    for _, one in ipairs(stored and cmsgpack.unpack(stored) or {}) do
      local sum = total[one[1]] or { one[1], 0, 0 }
      sum[2], sum[3] = sum[2] + one[2], sum[3] + one[3]
      total[one[1]] = sum
    end
  end
  local list = {}
  for _, sum in pairs(total) do list[#list + 1] = sum end
  return list
end

-- Names changed since the cursor, oldest first, and the cursor to go on from; a caller that has everything is not asked to look again.
local function names_since(log, cursor)
  local found = redis.call('ZRANGEBYSCORE', P .. ':changed:' .. log, '(' .. whole(cursor), '+inf', 'WITHSCORES', 'LIMIT', 0, MOST_CHANGED)
  local names, last, n = {}, cursor, #found / 2
  for i = 1, #found, 2 do
    names[#names + 1] = found[i]
    last = tonumber(found[i + 1])
  end
  -- More of the same score may follow where the answer was cut.
  if n == MOST_CHANGED and last - 1 > cursor then last = last - 1 end
  return names, last
end

for _, d in ipairs(sent.deployments) do merge_deployment(d) end
for _, one in ipairs(sent.turns) do merge_turns(one) end
merge_units(sent.units)
if #sent.deployments + #sent.turns + #sent.units > 0 then
  sequence = sequence + 1
  redis.call('SET', P .. ':sequence', whole(sequence), 'PX', FLEET_TTL)
  for _, log in ipairs({ 'deployments', 'turns', 'units' }) do redis.call('PEXPIRE', P .. ':changed:' .. log, sent.unit_ttl) end
  redis.call('ZREMRANGEBYRANK', P .. ':changed:deployments', 0, -5001)
  redis.call('ZREMRANGEBYRANK', P .. ':changed:turns', 0, -5001)
end
if sent.is_leaving or #sent.in_flight == 0 then redis.call('DEL', P .. ':in_flight:' .. sent.me)
else redis.call('SET', P .. ':in_flight:' .. sent.me, cmsgpack.pack(sent.in_flight), 'PX', sent.lease_ms) end

for _, floor in ipairs(sent.floors) do raise(floor) end
local grants = {}
for i, entry in ipairs(sent.limits) do grants[i] = settle(entry) end

-- Who compares the books with the rows: once when the data are new (2), until somebody has, and then once a minute (1).
if sent.has_compared then redis.call('SET', P .. ':restored', sent.me, 'PX', FLEET_TTL) end
local is_restored = redis.call('EXISTS', P .. ':restored') == 1
local wants_floors = 0
if not sent.is_leaving and not sent.has_compared and redis.call('SET', P .. ':comparing', sent.me, 'NX', 'PX', is_restored and sent.compare_ms or 5000) then
  wants_floors = is_restored and 1 or 2
end

local deployments, turns, units = {}, {}, {}
local names, deployment_cursor = names_since('deployments', sent.cursors[1])
for _, slug in ipairs(names) do
  local stored = redis.call('GET', P .. ':deployment:' .. slug)
  if stored then deployments[#deployments + 1] = { slug, cmsgpack.unpack(stored) } end
end
local turn_cursor, unit_cursor
names, turn_cursor = names_since('turns', sent.cursors[2])
for _, key in ipairs(names) do
  local flat, pairs_ = redis.call('HGETALL', P .. ':turns:' .. key), {}
  for i = 1, #flat, 2 do pairs_[#pairs_ + 1] = { flat[i], tonumber(flat[i + 1]) } end
  turns[#turns + 1] = { key, pairs_ }
end
names, unit_cursor = names_since('units', sent.cursors[3])
for _, unit in ipairs(names) do
  local stored = redis.call('HGET', P .. ':units', unit)
  if stored then units[#units + 1] = cmsgpack.unpack(stored) end
end

return cmsgpack.pack({
  generation, now, #live_ids, place, wants_floors, grants, in_flight_of_others(), deployments, turns, units,
  { deployment_cursor, turn_cursor, unit_cursor }, orphans, is_restored and 1 or 0,
})
