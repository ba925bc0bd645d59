-- Inputs: what is held and pressed, on the wire and over links that break.

local bytes = require "airboat.bytes"
local fake = require "test.core.fake"
local inputs = require "airboat.inputs"
local msgpack = require "airboat.msgpack"
local schema = require "airboat.schema"
local support = require "test.core.support"

local equal, hex = support.equal, support.hex
local tests = {}

local function list(...) return msgpack.list { ... } end

local FIELDS = schema.read {
  tick_rate = 30, classes = list(),
  inputs = list(list("aim", list("angle")), list("fire", list("press")), list("mx", list("number", -1, 1, 1 / 127)),
    list("mood", list("choice", "none", "wave")), list("sneak", list("flag"))),
}.inputs

function tests.inputs_are_numbered_repeated_and_presses_counted()
  local made = inputs.new({ FIELDS[1], FIELDS[2], FIELDS[3] })
  made:restart(11)
  made:set { mx = 1, aim = -0.1 }
  for _ = 1, 5 do made:press("fire") end
  local sent = {}
  for tick = 0, 4 do
    made:sample()
    sent[tick] = hex(made:frame(7, 100 + tick, 97.5))
  end
  equal(made.newest, 15)
  -- The newest: aim 1008, fire 3 presses (three at most wait), mx 127; the older ones differ in nothing or in fire.
  equal(sent[4], "0207" .. "6800" .. "0c03" .. "0f00" .. "04" .. "e00f" .. "06" .. "fe01" .. "00" .. "00" .. "0204")
  equal(sent[0]:sub(1, 16), "0207" .. "6400" .. "0c03" .. "0b00")
  for _, wrong in ipairs { { "set", { fire = 1 } }, { "press", "mx" }, { "set", { my = 1 } } } do
    local ok, message = pcall(made[wrong[1]], made, wrong[2])
    assert(not ok and message:find("the module has no", 1, true), message)
  end
  made:restart(1)
  made:sample()
  equal(hex(made:frame(7, 0, -3)), "0207" .. "0000" .. "0000" .. "0100" .. "01" .. "e00f" .. "00" .. "fe01")
end

function tests.quantising_rounds_as_the_server_does()
  local aim, mx, mood, sneak = FIELDS[1], FIELDS[3], FIELDS[4], FIELDS[5]
  for steps = -127, 127 do equal(schema.quantise(mx, steps / 127), steps) end
  equal(schema.quantise(mx, -0.5 / 127), -1)
  equal(schema.quantise(mx, 9), 127)
  equal(schema.quantise(mx, 0 / 0), 0)
  equal(schema.quantise(mx, -1 / 0), -127)
  equal(schema.quantise(aim, -math.pi / 2), 768)
  equal(schema.quantise(aim, 20 * math.pi), 0)
  equal({ schema.quantise(mood, "wave"), schema.quantise(mood, "?"), schema.quantise(mood, 7) }, { 1, 0, 1 })
  equal({ schema.quantise(sneak, true), schema.quantise(sneak, false), schema.quantise(sneak, 0) }, { 1, 0, 0 })
end

function tests.another_version_of_the_module_goes_on_holding()
  local old, new = inputs.new(FIELDS), inputs.new({ FIELDS[3], FIELDS[4] })
  old:set { mx = 0.5, mood = "wave", sneak = true }
  new:adopt(old)
  local values = {}
  new:sample(values)
  support.close(values.mx, 64 / 127, 1e-9)
  equal(values.mood, "wave")
  equal(new.active, true)
end

-- Over links that break -------------------------------------------------------------------------------------------------

-- What was sent over the newest socket as inputs and not looked at yet: `number:presses modulo 4` of the newest in each.
local function sent(f)
  local numbers, socket = {}, f:socket()
  for _, frame in ipairs(socket.sent) do
    if frame:byte(1) == 2 then numbers[#numbers + 1] = bytes.read_u16(frame, 7) .. ":" .. frame:byte(10) / 2 end
  end
  socket.sent = {}
  return table.concat(numbers, " ")
end

-- One press for each tick.
local function press(f, made, room, times)
  for _ = 1, times do
    local before = room._inputs.newest
    room:press("fire")
    while room._inputs.newest == before do f:pass(made, 20) end
  end
end

-- The room's next state: it has applied this input.
local function applied(f, room, number)
  f:socket().to.message("\1\0\7" .. bytes.u16(room.tick + 1) .. "\1" .. bytes.u16(number) .. "\0\0\0")
end

local function come_back(f, made)
  f:pass(made, 40)
  f:open()
  f:welcome("t2")
end

function tests.presses_on_their_way_are_sent_again_by_their_numbers()
  local f = fake.new()
  local made, room = f:enter()
  press(f, made, room, 7)
  equal(sent(f), "1:1 2:2 3:3 4:0 5:1 6:2 7:3")
  applied(f, room, 2)
  f:cut()
  come_back(f, made)
  equal(sent(f), "")
  f:say(3, 18, 7, 0)
  equal(sent(f), "3:3 4:0 5:1 6:2 7:3", "what the room may not have")
  press(f, made, room, 1)
  equal(sent(f), "8:0", "and the counts go on")
  applied(f, room, 8)
  f:cut()
  come_back(f, made)
  f:say(3, 18, 7, 0)
  equal(sent(f), "", "it has all of them")
end

function tests.a_join_answer_in_the_same_life_counts_those_again_that_never_came()
  local f = fake.new()
  local made, room = f:enter()
  press(f, made, room, 7)
  f:cut()
  come_back(f, made)
  f:joined({ input = 3, tick = 200 }) -- it had the first two
  sent(f)
  local numbers = {}
  while room._inputs.newest < 9 do
    f:pass(made, 20)
    local more = sent(f)
    if more ~= "" then numbers[#numbers + 1] = more end
  end
  equal(table.concat(numbers, " "), "3:1 4:2 5:3 6:0 7:1 8:1 9:1")
  equal(#room._inputs.kept, 5)
end

function tests.another_life_has_what_it_has()
  local f = fake.new()
  local made, room = f:enter()
  press(f, made, room, 7)
  f:cut()
  come_back(f, made)
  f:joined({ epoch = 9, input = 1, tick = 5 })
  sent(f)
  f:pass(made, 100)
  local numbers = sent(f)
  assert(numbers:find("1:0", 1, true) and not numbers:find(":[1-3]"), numbers)
end

function tests.what_is_kept_is_bounded()
  local made = inputs.new({ FIELDS[2] })
  for _ = 1, 100 do
    made:press("fire")
    made:sample()
  end
  equal({ #made.kept, made.kept[1].number, made.kept[32].number }, { 32, 69, 100 })
end

support.run(tests)
