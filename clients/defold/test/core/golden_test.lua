-- Every vector of tests/golden/frames.json and documents.json, decoded and, where the client sends it, encoded.

local delta = require "airboat.delta"
local document = require "airboat.document"
local errors = require "airboat.errors"
local frames = require "airboat.frames"
local hash = require "airboat.hash"
local mirror = require "airboat.mirror"
local msgpack = require "airboat.msgpack"
local schema = require "airboat.schema"
local support = require "test.core.support"

local golden = support.golden("frames.json")
local equal, hex, unhex = support.equal, support.hex, support.unhex
local tests = {}

function tests.numbers_both_ways()
  for _, vector in ipairs(golden.numbers) do
    equal(msgpack.decode(unhex(vector.bytes)), vector.value, vector.bytes)
    equal(hex(msgpack.encode(vector.value)), vector.bytes, tostring(vector.value))
  end
end

function tests.client_frames_are_encoded_as_the_server_expects_them()
  local client = golden.client
  local data = msgpack.encode({ n = { 1.5, -3, 70000 }, text = "hi" })
  equal({ n = msgpack.list { 1.5, -3, 70000 }, text = "hi" }, client.message_data)
  equal(hex(frames.hello {
    protocol = 1, client = "golden/1", name = "ann", device = { "id", "secret" },
    resume = { token = "\1\2\255", epoch = 7, tick = 9, received = 3 },
    join = { module = "tank8", room = "blue fox" }, debug_hash = true,
  }), client.hello)
  equal(hex(frames.hello { protocol = 1, client = "golden/1", name = "ann" }), client.hello_first)
  equal(hex(frames.message(0xfeedbeef, 5, "chat", data)), client.message)
  equal(hex(frames.call(0xfeedbeef, 5, 2, "chat", data)), client.call)
  equal(hex(frames.join { module = "m", room = "r", password = "p", kind = "screen" }), client.join)
  equal(hex(frames.leave()), client.leave)
  equal(hex(frames.received(0xfeedbeef, 300)), client.received)
  equal(hex(frames.bye(50)), client.bye_left)
  equal(hex(frames.bye(10)), client.bye_hidden)
  equal(hex(frames.ack(0xfeedbeef, 0x1234)), client.ack)
  equal(hex(frames.ping(0x01020304)), client.ping)
  for _, name in ipairs { "message", "join" } do
    equal(hex(msgpack.encode(msgpack.decode(unhex(client[name])))), client[name], "decoded and encoded again")
  end
end

function tests.inputs()
  local v = golden.inputs
  local fields = #v.newest_first[1]
  equal(hex(frames.inputs(v.epoch, v.ack, v.view_eighths, v.newest, v.newest_first, fields)), v.bytes)
  equal(hex(frames.inputs(v.epoch, v.ack, v.view_eighths, v.newest - 3, { v.newest_first[4] }, fields)), v.first_only)
end

function tests.server_frames_are_read_as_they_were_meant()
  local server = golden.server
  local function array(text) return msgpack.list(frames.read_array(unhex(text))) end
  local welcome = array(server.welcome)
  equal(welcome[1], frames.WELCOME)
  equal(hex(welcome[2].resume), "090807")
  welcome[2].resume = nil
  equal(welcome[2], { device = msgpack.list { "id", "secret" }, ping_ms = 5000, protocol = msgpack.list { 1, 1 },
    resume_window_ms = 30000, session = "00000000000000ff" })
  local event, reply, hashes, saved = server.event, server.reply, server.hash, server.saved
  equal(array(event.bytes), msgpack.list { frames.EVENT, event.number, event.tick, event.name, event.data })
  equal(array(reply.bytes), msgpack.list { frames.REPLY, reply.number, 78, reply.call, reply.ok, reply.data })
  equal(array(server.reply_error.bytes), msgpack.list { frames.REPLY, 3, 78, 6, false, "no" })
  equal(array(hashes.bytes), msgpack.list { frames.HASH, hashes.number, hashes.tick, hashes.world, hashes.documents })
  equal(array(saved.bytes), msgpack.list { frames.SAVED, saved.epoch, saved.received, saved.saved })
  equal(array(server.bye.bytes), msgpack.list { frames.BYE, server.bye.reason, server.bye.text })
  equal(array(server.refused.bytes), msgpack.list { frames.REFUSED, server.refused.reason, server.refused.text })
  equal(array(server.resumed.bytes), msgpack.list { frames.RESUMED, server.resumed.epoch, server.resumed.received })
  equal(array(server.left), msgpack.list { frames.GONE })
  equal({ frames.read_pong(unhex(server.pong.bytes)) }, { 7, 100, 2500 })
  equal(frames.read_array(unhex(server.unknown[1])), nil)
  equal(array(server.unknown[2]), msgpack.list { 99 })
end

local function joined()
  local array = frames.read_array(unhex(golden.joined.bytes))
  equal(array[1], frames.JOINED)
  return frames.read_joined(array[2])
end

function tests.the_join_answer()
  local answer = joined()
  equal(answer.epoch, golden.joined.epoch)
  equal(answer.player, tostring(golden.joined.player))
  equal(answer.tick, golden.joined.tick)
  equal(answer.schema, golden.joined.schema)
  equal(answer.documents, golden.joined.documents)
end

-- The entities as the vector writes them.
local function compare(of, mirrored, expected)
  for i, class in ipairs(of.classes) do
    local rows = expected[class.name]
    equal(mirrored.world.classes[i].count, #rows, class.name)
    for _, row in ipairs(rows) do
      local entity = mirrored:entity(row.id)
      equal(entity.class, class.name)
      equal(tonumber(entity.owner or 0), row.owner)
      for _, field in ipairs(class.fields) do
        local wanted = row[field.name]
        if field.kind == "flag" or field.kind == "choice" then
          equal(entity[field.name], schema.dequantise(field, wanted), field.name)
        else
          support.close(entity[field.name], wanted, 1e-9, field.name)
        end
      end
      if class.linear then
        equal({ entity.vx, entity.vy, entity.since, entity.ends },
          { row.vx_steps * 0.125, row.vy_steps * 0.125, row.since, row.ends })
      end
    end
  end
end

-- The story branches: an ordered link sees each of its ways from the first world on, one with datagrams all of it.
local function story(ways, crowd, branches)
  local answer = joined()
  local of = schema.read(answer.schema)
  local mirrored = mirror.new(of, function(event, entity)
    crowd[#crowd + 1] = ("%s %s %d"):format(event, entity.class, entity.id)
  end)
  mirrored:restart(answer.epoch, answer.tick, answer.snapshot, 65530)
  -- It came with the join answer and may come again.
  equal(mirrored:apply(unhex(golden.snapshots[1].bytes), branches), nil)
  local tank = mirrored:entities("tank")[1]
  for _, index in ipairs(ways) do
    local vector = golden.snapshots[index]
    equal(mirrored:apply(unhex(vector.bytes), branches), vector.tick)
    mirrored:advance(vector.tick)
    equal(mirrored.tick, vector.tick)
    equal(hash.world(mirrored.world), vector.hash, "hash at " .. vector.tick)
    compare(of, mirrored, vector.world)
    local report = mirrored.report
    equal({ report.applied, report.substitutions, report.skips, report.slack * 2 },
      { vector.applied, vector.substitutions, vector.skips, vector.slack_half_ms })
    if vector.tick < 105 then equal(mirrored:entities("tank")[1] == tank, true, "the same table") end
  end
  equal(tank.alive, false)
  return mirrored
end

function tests.snapshots_follow_the_story_and_entities_stay_the_same_tables()
  local crowd = {}
  story({ 2, 3, 6 }, crowd)
  equal(table.concat(crowd, ", "), "spawn tank 1, spawn tank 2, spawn bullet 3, spawn bullet 7, "
    .. "despawn bullet 3, despawn bullet 7, despawn tank 1, despawn tank 2")
  crowd = {}
  story({ 2, 4, 5 }, crowd)
  equal(table.concat(crowd, ", "), "spawn tank 1, spawn tank 2, spawn bullet 3, spawn bullet 7, spawn tank 300, "
    .. "despawn bullet 3, despawn tank 2, despawn bullet 7, despawn tank 1, despawn tank 300")
end

function tests.over_datagrams_the_story_goes_on_from_any_state_that_may_have_been_acknowledged()
  local crowd = {}
  story({ 2, 3, 4, 5 }, crowd, true)
  equal(table.concat(crowd, ", "), "spawn tank 1, spawn tank 2, spawn bullet 3, spawn bullet 7, spawn tank 300, "
    .. "despawn bullet 3, despawn tank 2, despawn bullet 7, despawn tank 1, despawn tank 300")
  -- The same world against another baseline; and the third was lost, or overtaken.
  story({ 2, 3, 4, 6 }, {}, true)
  story({ 2, 4, 5 }, {}, true)
end

local function fresh()
  local answer = joined()
  local of = schema.read(answer.schema)
  local mirrored = mirror.new(of, function() end)
  mirrored:restart(answer.epoch, answer.tick, answer.snapshot, 0)
  return mirrored, of, answer
end

function tests.states_are_kept_from_the_newest_baseline_on_and_a_key_snapshot_lets_nothing_go()
  local s, partial = golden.snapshots, golden.partial_snapshots
  local function apply(mirrored, vector) return mirrored:apply(unhex(vector.bytes), true) end
  local mirrored = fresh()
  for _, n in ipairs { 2, 3, 4 } do assert(apply(mirrored, s[n])) end
  equal({ apply(mirrored, s[3]), mirrored.tick }, { nil, 104 }, "one that was overtaken")
  equal(mirrored._worlds._count, 2, "those of 101 and 102: 100 is before the baseline")
  assert(apply(mirrored, s[5]))
  equal(mirrored._worlds._count, 1)
  support.refused("baseline", apply, mirrored, { bytes = s[6].bytes:gsub("^(......)69", "%16a") })
  equal({ mirrored.tick, mirrored.broken, hash.world(mirrored.world) }, { 105, false, s[5].hash }, "nothing has changed")

  mirrored = fresh()
  for _, n in ipairs { 2, 3, 4, 6 } do assert(apply(mirrored, s[n])) end
  equal(mirrored._worlds._count, 2, "those of 102 and 104: 101 is before the baseline")

  -- What came before a key snapshot may be acknowledged late: against it the next one is made. Here one in which nothing
  -- differs from the tick 102, which the last delta was made against; 101 is before that.
  mirrored = fresh()
  for _, vector in ipairs(partial) do assert(apply(mirrored, vector)) end
  equal({ partial[2].tick, partial[3].bytes:sub(1, 12), partial[4].bytes:sub(1, 10) }, { 102, "0100ef680002", "0103ef6900" })
  local late = "0100ef6a00%02x0000000000"
  support.refused("baseline", apply, mirrored, { bytes = late:format(5) })
  equal(apply(mirrored, { bytes = late:format(4) }), 106)
  local ordered = fresh()
  for n = 1, 2 do assert(ordered:apply(unhex(partial[n].bytes))) end
  equal(ordered:apply(unhex(late:format(4))), 106)
  equal(hash.world(mirrored.world), hash.world(ordered.world))
end

-- What flies is over at its own tick, whether a snapshot came at it or the next ones came later.
function tests.what_ends_by_itself_between_two_snapshots_ends_then()
  local function log(branches)
    local answer, lines = joined(), {}
    local view_tick
    local mirrored = mirror.new(schema.read(answer.schema), function(event, entity)
      lines[#lines + 1] = ("%s %d at %g"):format(event, entity.id, view_tick or 0)
    end)
    mirrored:restart(answer.epoch, answer.tick, answer.snapshot, 0)
    for n = 1, 2 do assert(mirrored:apply(unhex(golden.partial_snapshots[n].bytes), branches)) end
    assert(mirrored:apply(unhex("0100ef6e00080000000000"), branches)) -- the tick 110: nothing new since 102
    for quarter = 400, 440 do
      view_tick = quarter / 4
      mirrored:advance(view_tick)
    end
    return table.concat(lines, ", ")
  end
  equal(log(true), log(false))
  assert(log(true):find("despawn %d+ at 10[3-9]"), log(true))
end

-- Broken, a snapshot leaves the state as it was, and those that it is made against.
function tests.broken_branches_change_nothing()
  local random = support.chance("broken branches", 7)
  local mirrored, _, answer = fresh()
  local refused = 0
  for _ = 1, 2000 do
    mirrored:restart(answer.epoch, answer.tick, answer.snapshot, 0)
    assert(mirrored:apply(unhex(golden.snapshots[2].bytes), true))
    local frame = unhex(golden.snapshots[4].bytes)
    local at = random(#frame) + 1
    if random(2) == 0 then frame = frame:sub(1, at - 1)
    else frame = frame:sub(1, at - 1) .. string.char(random(256)) .. frame:sub(at + 1) end
    local ok, problem = pcall(mirrored.apply, mirrored, frame, true)
    if not ok then
      refused = refused + 1
      assert(type(problem) == "table" and problem.codec, tostring(problem))
      equal({ mirrored.tick, mirrored.broken, hash.world(mirrored.world) }, { 101, false, golden.snapshots[2].hash })
      equal(mirrored:apply(unhex(golden.snapshots[4].bytes), true), 104)
      equal(hash.world(mirrored.world), golden.snapshots[4].hash)
    end
  end
  assert(refused > 300, refused)
end

function tests.over_an_ordered_link_again_the_newest_state_goes_on_in_place()
  local mirrored, of = fresh()
  for n, branches in ipairs { true, false, true } do
    local vector = golden.snapshots[({ 2, 3, 6 })[n]]
    equal(mirrored:apply(unhex(vector.bytes), branches), vector.tick)
    equal(hash.world(mirrored.world), vector.hash)
    compare(of, mirrored, vector.world)
  end
end

-- States that lack some of what the room has are told apart and go on like others, up to a key snapshot and after it.
local function partial_states(branches)
  local answer = joined()
  local of = schema.read(answer.schema)
  local mirrored = mirror.new(of, function() end)
  mirrored:restart(answer.epoch, answer.tick, answer.snapshot, 0)
  local count = 0
  for _, vector in ipairs(golden.partial_snapshots) do
    equal(mirrored:apply(unhex(vector.bytes), branches), vector.tick)
    equal(mirrored.report.partial, vector.partial)
    equal(hash.world(mirrored.world), vector.hash, "hash at " .. vector.tick)
    compare(of, mirrored, vector.world)
    count = count + 1
  end
  assert(count >= 3)
end

function tests.partial_snapshots()
  partial_states(false)
  partial_states(true)
end

function tests.a_snapshot_against_another_state_is_refused()
  local answer = joined()
  local mirrored = mirror.new(schema.read(answer.schema), function() end)
  mirrored:restart(answer.epoch, answer.tick, answer.snapshot, 0)
  support.refused("baseline", mirrored.apply, mirrored, unhex(golden.snapshots[3].bytes))
end

-- Cut anywhere or changed anywhere, a snapshot is refused or understood, never more; and a whole one heals all.
function tests.broken_snapshots_are_refused_and_healed()
  local random = support.chance("broken snapshots", 6)
  local answer = joined()
  local of = schema.read(answer.schema)
  local refused = 0
  local mirrored = mirror.new(of, function() end)
  for round = 1, 3000 do
    mirrored:restart(answer.epoch, answer.tick, answer.snapshot, 0)
    local frame = unhex(golden.snapshots[round % 2 + 2].bytes)
    if round % 2 == 1 then assert(mirrored:apply(unhex(golden.snapshots[2].bytes))) end
    local at = random(#frame) + 1
    if random(2) == 0 then frame = frame:sub(1, at - 1)
    else frame = frame:sub(1, at - 1) .. string.char(random(256)) .. frame:sub(at + 1) end
    local ok, problem = pcall(mirrored.apply, mirrored, frame)
    if not ok then
      refused = refused + 1
      assert(type(problem) == "table" and problem.codec, tostring(problem))
    end
  end
  assert(refused > 500, refused)
  mirrored:restart(answer.epoch, answer.tick, answer.snapshot, 0)
  equal(hash.world(mirrored.world), golden.snapshots[1].hash)
  local count = 0
  for _ in pairs(mirrored._nodes) do count = count + 1 end
  equal(count, 2, "nothing is left of what was broken")
end

function tests.documents_are_patched_in_place()
  local documents = document.new(function() end)
  documents:restart(joined().documents)
  local state, players, secret = documents.state, documents.players, documents.secret
  for _, vector in ipairs(golden.documents) do
    local array = frames.read_array(unhex(vector.bytes))
    equal({ array[1], array[2], array[3], array[4] }, { frames.DOCUMENT, vector.number, vector.tick, vector.name })
    documents:patch(array[4], array[5])
    equal({ state = state, players = players, secret = secret }, vector.documents)
    equal(hash.documents(state, players), vector.hash)
  end
end

function tests.a_document_changed_at_random_is_the_rooms_after_each_frame()
  local documents = document.new(function() end)
  documents:restart { state = {}, players = {}, secret = {} }
  local state, players = documents.state, documents.players
  local story_frames = support.golden("documents.json").frames
  assert(#story_frames > 50)
  for i, vector in ipairs(story_frames) do
    local array = frames.read_array(unhex(vector.bytes))
    documents:patch(array[4], array[5])
    equal(hash.documents(state, players), vector.hash, "frame " .. i)
  end
end

function tests.reasons()
  local seen, count = {}, 0
  for _, reason in ipairs(golden.reasons) do
    equal(errors.comes_back(reason[1]), reason[3])
    local err = errors.failure(reason[1])
    assert(err.reason ~= "unknown", reason[1])
    if not seen[err.reason] then count = count + 1 end
    seen[err.reason] = true
  end
  equal(count, #golden.reasons)
end

function tests.decoding_allocates_nothing()
  local answer = joined()
  local of = schema.read(answer.schema)
  local world = delta.world(of)
  local sink = { added = function() return {} end, gone = function() end, changed = function() end }
  local decoder = delta.decoder(of, sink)
  -- Fifty tanks, then the same change again and again: every tank a step to the right, and one of them a step up.
  local count = 50
  local first = { "\1\1\0\0\0\0\0\0\0\0\0", string.char(8 + 2, count), "\2", ("\0"):rep(count - 1) }
  for _ = 1, 6 do first[#first + 1] = ("\2"):rep(count) end
  first[5] = ("\2"):rep(count)
  decoder:decode(table.concat(first), 12, world, 1)
  -- Columns: owner, armed, heading, mode, x, y.
  local full = ("\0"):rep(11) .. string.char(8 + 4, 16 + 32, 16) .. ("\2"):rep(count) .. "\1" .. ("\0"):rep(6) .. "\2"
  -- A compiler keeps what it has compiled, now and then; that is not the decoder's. Nothing else may be left.
  local least, tick = math.huge, 2
  for _ = 1, 10 do
    collectgarbage()
    collectgarbage("stop")
    local before = collectgarbage("count")
    for _ = 1, 100 do
      decoder:decode(full, 12, world, tick)
      tick = tick + 1
    end
    least = math.min(least, collectgarbage("count") - before)
    collectgarbage("restart")
  end
  equal(world.classes[2].columns[5][50], 1 + 1000)
  assert(least * 1024 < 100, ("%d bytes in 100 snapshots"):format(least * 1024))
end

support.run(tests)
