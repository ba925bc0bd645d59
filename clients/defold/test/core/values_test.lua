-- MessagePack and documents beyond the vectors: corners, nonsense, chance.

local document = require "airboat.document"
local msgpack = require "airboat.msgpack"
local support = require "test.core.support"

local equal, hex, unhex = support.equal, support.hex, support.unhex
local tests = {}

function tests.doubles_in_the_corners()
  local corners = {
    { 1 / 0, "cb7ff0000000000000" }, { -1 / 0, "cbfff0000000000000" }, { 5e-324, "cb0000000000000001" },
    { 2.2250738585072014e-308, "cb0010000000000000" }, { 1.7976931348623157e308, "cb7fefffffffffffff" },
    { 2 ^ 53, "cb4340000000000000" }, { -2 ^ 53, "cbc340000000000000" }, { 2 ^ 53 - 1, "cf001fffffffffffff" },
    { 1 - 2 ^ 53, "d3ffe0000000000001" }, { -2147483648, "d280000000" }, { 4294967295, "ceffffffff" }, { -32768, "d18000" },
    { -129, "d1ff7f" }, { -128, "d080" }, { 255, "ccff" }, { 256, "cd0100" },
  }
  for _, corner in ipairs(corners) do
    equal(hex(msgpack.encode(corner[1])), corner[2])
    equal(msgpack.decode(unhex(corner[2])), corner[1])
  end
  local nan = msgpack.decode(msgpack.encode(0 / 0))
  assert(nan ~= nan)
  equal(msgpack.decode(unhex("ca3fc00000")), 1.5)
  equal(msgpack.decode(unhex("ca00000001")), 2 ^ -149)
  equal(msgpack.decode(unhex("caff800000")), -1 / 0)
end

function tests.texts_lists_maps_and_references()
  for _, length in ipairs { 0, 1, 31, 32, 255, 256, 65535, 65536 } do
    local text = ("x"):rep(length)
    equal(msgpack.decode(msgpack.encode(text)), text)
    local list = msgpack.list {}
    for i = 1, math.min(length, 70000) do list[i] = i % 100 end
    equal(#msgpack.decode(msgpack.encode(list)), #list)
  end
  -- What is no UTF-8 travels as bytes, and comes back as the string it was.
  for _, bad in ipairs { "\255", "\195", "\237\160\128", "\192\128", "\244\144\128\128", "a\226\130" } do
    equal(msgpack.encode(bad):byte(1), 0xc4, hex(bad))
    equal(msgpack.decode(msgpack.encode(bad)), bad)
  end
  equal(msgpack.encode("\226\130\172\240\159\154\128"):byte(1), 0xa7)
  equal(hex(msgpack.encode {}), "80")
  equal(hex(msgpack.encode(msgpack.list {})), "90")
  equal(hex(msgpack.encode(msgpack.list { msgpack.null, 1 })), "92c001")
  equal(msgpack.decode(unhex("92c001"))[1] == msgpack.null, true)
  equal(hex(msgpack.encode { b = 1, a = 2, [3] = 4 }), "83" .. "0304" .. "a16102" .. "a16201")
  equal(hex(msgpack.encode { 1, 2, nil, 4 } == msgpack.encode { 1, 2 } and "" or "x"), "78")
  equal(msgpack.decode(unhex("d60100000007")) == msgpack.entity(7), true)
  equal(msgpack.decode(unhex("d60200000003")) == msgpack.player("3"), true)
  equal(hex(msgpack.encode(setmetatable({ id = 7, x = 1 }, msgpack.Entity))), "d60100000007")
end

function tests.what_cannot_be_sent_is_a_mistake_of_the_program()
  local loop = {}
  loop.loop = loop
  for _, value in ipairs { loop, { f = print }, { [1.5] = 1 }, { [true] = 1 }, coroutine.create(function() end) } do
    local ok, message = pcall(msgpack.encode, value)
    equal(ok, false)
    assert(type(message) == "string" and message:find("airboat: ", 1, true), message)
  end
  equal(hex(msgpack.encode { 1 }), "9101", "nothing of it is left")
end

function tests.nonsense_is_refused_with_a_reason()
  local nonsense = {
    [""] = "truncated", ["c1"] = "marker", ["a5616263"] = "truncated", ["93"] = "truncated", ["9301"] = "truncated",
    ["dfffffffff"] = "truncated", ["0000"] = "trailing", ["cf0020000000000000"] = "range", ["81c000"] = "marker",
    ["d60300000001"] = "marker", ["c70101ff"] = "marker", [("91"):rep(40)] = "depth", ["8180"] = "marker",
    ["cb3ff0"] = "truncated", ["d4"] = "marker",
  }
  for text, reason in pairs(nonsense) do
    local value, problem = msgpack.decode(unhex(text))
    equal({ value, problem }, { nil, reason }, text)
  end
end

local function any(random, depth)
  local kind = random(depth > 4 and 6 or 8)
  if kind == 0 then return random(2) == 0 end
  if kind == 1 then return random(1000) - 500 end
  if kind == 2 then return (random(2000000000) - 1e9) * 2 ^ (random(20) - 10) end
  if kind == 3 then return ("k"):rep(random(40)) end
  if kind == 4 then return msgpack.entity(random(70000)) end
  if kind == 5 then return string.char(random(256), random(256), random(256)) end
  local t = kind == 6 and msgpack.list {} or {}
  for i = 1, random(5) do t[kind == 6 and i or "k" .. random(9)] = any(random, depth + 1) end
  return t
end

function tests.whatever_is_encoded_comes_back_and_damage_never_raises()
  local random = support.chance("values", 77)
  for _ = 1, 2000 do
    local value = any(random, 0)
    local encoded = msgpack.encode(value)
    local decoded, problem = msgpack.decode(encoded)
    assert(problem == nil, problem)
    equal(decoded, value)
    equal(msgpack.encode(decoded), encoded)
    local at = random(#encoded) + 1
    msgpack.decode(encoded:sub(1, at - 1) .. string.char(random(256)) .. encoded:sub(at + 1))
    msgpack.decode(encoded:sub(1, at - 1))
  end
end

-- Documents -------------------------------------------------------------------------------------------------------------

local function list(...) return msgpack.list { ... } end

function tests.watchers_hear_changes_above_at_and_below()
  local heard = {}
  local documents = document.new(function(fn, value) fn(value) end)
  documents:restart { state = { score = { ["1"] = 0 }, words = list("a") }, players = {}, secret = {} }
  for _, path in ipairs { "state", "state.score", "state.score.1", "state.words.1", "players" } do
    documents:watch(path, function(value) heard[#heard + 1] = path .. "=" .. support.show(value) end)
  end
  local function change(...)
    heard = {}
    documents:patch("state", list(...))
    table.sort(heard)
    return table.concat(heard, " ")
  end
  equal(change(list(list("score", "1"), 7)),
    'state.score.1=7 state.score={"1"=7} state={"score"={"1"=7},"words"=["a"]}')
  equal(change(list(list("words", 2), "b")), 'state={"score"={"1"=7},"words"=["a","b"]}')
  local state, score = documents.state, documents.state.score
  equal(change(list(list(), { score = { ["2"] = 1 } })),
    'state.score.1=nil state.score={"2"=1} state.words.1=nil state={"score"={"2"=1}}')
  equal(documents.state == state and state.score == score, true, "the same tables")
  local stop = documents:watch("state", function() error("was stopped") end)
  stop()
  change(list(list("x"), 1))
end

function tests.operations_that_fit_nothing_are_refused()
  local documents = document.new(function() end)
  documents:restart { state = { words = list("a"), n = 1 }, players = {}, secret = {} }
  local bad = {
    list(list("words", 3), 1), list(list("words", 0), 1), list(list("words", "x"), 1), list(list("n", "x"), 1),
    list(list("words", "x", "y"), 1), list(list(1.5), 1), list("words", 1), list(list(), 5),
  }
  for i, operation in ipairs(bad) do
    support.refused("*", documents.patch, documents, "state", list(operation))
    equal(documents.state.n, 1, "operation " .. i)
  end
  support.refused("range", documents.patch, documents, "state", list(list(list("words", 2))))
  documents:patch("whatever", list(list(list("x"), 1)))
end

support.run(tests)
