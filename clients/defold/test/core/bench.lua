-- How long the core takes, and what garbage it leaves, on ten seconds of tank8 with eight tanks that all move and turn in
-- every tick (tank8.frames, as a server sent it): `lua5.1 test/core/bench.lua` and with luajit, in clients/defold, with
-- LUA_PATH="./?.lua;;". Prints; asserts nothing.

local frames = require "airboat.frames"
local inputs = require "airboat.inputs"
local mirror = require "airboat.mirror"
local msgpack = require "airboat.msgpack"
local page = require "airboat.links.page"
local replay = require "test.core.replay"
local scripted = require "test.core.page"

local ROUNDS = 30

local answer, snapshots = replay.load("test/core/tank8.frames")
local schema = require("airboat.schema").read(answer.schema)

-- Runs `fn` over and over; microseconds and bytes of garbage for each of `count` things that it does.
local function measure(what, count, fn)
  fn() -- compilers warm up
  collectgarbage()
  collectgarbage("stop")
  local before, start = collectgarbage("count"), os.clock()
  for _ = 1, ROUNDS do fn() end
  local time, garbage = os.clock() - start, collectgarbage("count") - before
  collectgarbage("restart")
  print(("%-52s %7.2f us %8.1f bytes"):format(what, time * 1e6 / (ROUNDS * count), garbage * 1024 / (ROUNDS * count)))
end

local bytes = 0
for _, frame in ipairs(snapshots) do bytes = bytes + #frame end
print(("%s: %d snapshots of %.0f bytes on average"):format(jit and jit.version or _VERSION, #snapshots, bytes / #snapshots))

local mirrored = mirror.new(schema, function() end)

-- The join answer's snapshot brings new entities; what it costs is counted apart and small.
measure("decode a snapshot and set the entities", #snapshots, function()
  mirrored:restart(answer.epoch, answer.tick, answer.snapshot, answer.applied)
  for i = 1, #snapshots do mirrored:apply(snapshots[i]) end
end)

measure("the same by branches, as over datagrams", #snapshots, function()
  mirrored:restart(answer.epoch, answer.tick, answer.snapshot, answer.applied)
  for i = 1, #snapshots do mirrored:apply(snapshots[i], true) end
end)

-- Each of them as the answer of the page to a turn of its own.
local answers, length = {}, 0
do
  local source = scripted.new()
  source:run("airboat1.open()")
  source:newest().state = "o"
  for i = 1, #snapshots do
    source:datagram(snapshots[i])
    answers[i] = source:run("airboat1.turn(1)")
    length = length + #answers[i]
  end
end
print(("over the bridge %.0f bytes on average"):format(length / #answers))
local function each() end
measure("take a snapshot out of the page's answer", #answers, function()
  for i = 1, #answers do page.records(answers[i], each) end
end)
measure("a turn in which nothing has come", 1000, function()
  for _ = 1, 1000 do page.records("o", each) end
end)

measure("in place, shown twice each at 60 frames a second", #snapshots, function()
  mirrored:restart(answer.epoch, answer.tick, answer.snapshot, answer.applied)
  for i = 1, #snapshots do
    mirrored:apply(snapshots[i])
    mirrored:advance(mirrored.tick - 1.5)
    mirrored:advance(mirrored.tick - 1)
  end
end)

local made = inputs.new(schema.inputs)
local aim = 0
measure("sample and encode an input with three repeats", 1000, function()
  for i = 1, 1000 do
    aim = aim + 0.01
    made:set { mx = math.cos(aim), my = math.sin(aim), aim = aim }
    if i % 10 == 0 then made:press("fire") end
    made:sample()
    made:frame(7, i, i)
  end
end)

local frame = made:frame(7, 1, 1)
measure("an input as JavaScript", 1000, function()
  for _ = 1, 1000 do page.literal(frame) end
end)

local said = { text = "hello there", at = { 1.5, 2, 300 }, kind = 3 }
measure("encode a message", 1000, function()
  for i = 1, 1000 do frames.message(4276993775, i, "chat", msgpack.encode(said)) end
end)
local event = msgpack.array(5, 19, 1, 77, "chat", said)
measure("decode a message", 1000, function()
  for _ = 1, 1000 do frames.read_array(event) end
end)
