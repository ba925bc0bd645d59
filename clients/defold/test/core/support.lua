-- What several tests need: the golden vectors, comparing, seeded chance, and a platform and a server that do as they are
-- told.

local json = require "test.core.json"
local msgpack = require "airboat.msgpack"

local support = {}

local GOLDEN = os.getenv("AIRBOAT_GOLDEN") or "../../tests/golden"

-- The value of a JSON file.
function support.vectors(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return json.decode(text)
end

function support.golden(name) return support.vectors(GOLDEN .. "/" .. name) end

-- Runs all tests of a file, each on its own, and ends the program: `lua5.1 test/core/golden_test.lua` in clients/defold,
-- with LUA_PATH="./?.lua;;".
function support.run(tests)
  local names, failed = {}, 0
  for name in pairs(tests) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local ok, problem = xpcall(tests[name], function(message)
      return type(message) == "string" and debug.traceback(message, 2) or message
    end)
    if not ok then
      failed = failed + 1
      if type(problem) == "table" then problem = "codec error: " .. tostring(problem.codec) end
      print(("FAILED %s\n%s"):format(name:gsub("_", " "), tostring(problem)))
    end
  end
  print(("%d passed, %d failed"):format(#names - failed, failed))
  os.exit(failed == 0 and 0 or 1)
end

function support.hex(s)
  return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

function support.unhex(text)
  return (text:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- A text for any value, the same for the same value: keys in order, lists marked, references as the vectors have them.
function support.show(value, bytes_in_hex)
  if type(value) == "number" then return ("%.17g"):format(value) end
  if type(value) ~= "table" then return type(value) == "string" and ("%q"):format(value) or tostring(value) end
  if value == msgpack.null or value == json.null then return "null" end
  if msgpack.is_ref(value) then
    return ('{"%s"=%s}'):format(type(value.id) == "string" and "$player" or "$entity", value.id)
  end
  local parts = {}
  if msgpack.is_list(value) or json.is_list(value) then
    for i, item in ipairs(value) do parts[i] = support.show(item, bytes_in_hex) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for key, item in pairs(value) do
    parts[#parts + 1] = ('"%s"=%s'):format(tostring(key), support.show(item, bytes_in_hex))
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

function support.equal(got, wanted, what)
  local a, b = support.show(got), support.show(wanted)
  if a ~= b then error(("%s:\n  got    %s\n  wanted %s"):format(what or "not equal", a, b), 2) end
end

function support.close(got, wanted, tolerance, what)
  if not (math.abs(got - wanted) <= tolerance) then
    error(("%s: got %.17g, wanted %.17g"):format(what or "not close", got, wanted), 2)
  end
end

-- That `fn` raises a codec error, and which.
function support.refused(reason, fn, ...)
  local ok, problem = pcall(fn, ...)
  if ok then error("was accepted, should be refused: " .. reason, 2) end
  if type(problem) ~= "table" or not problem.codec then error("no codec error: " .. tostring(problem), 2) end
  if reason ~= "*" and problem.codec ~= reason then
    error(("refused for %s, not %s"):format(problem.codec, reason), 2)
  end
end

-- Park and Miller's: the same in every Lua. The seed is printed and may be set by AIRBOAT_SEED.
function support.chance(name, fallback)
  local state = tonumber(os.getenv("AIRBOAT_SEED") or fallback) % 2147483646 + 1
  print(("  %s: seed %d"):format(name, state - 1))
  return function(below)
    state = state * 16807 % 2147483647
    return state % below
  end
end

return support
