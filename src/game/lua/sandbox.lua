-- What a module's code can reach: an allow-list, everything else goes. Runs once in a fresh VM, before any module.
-- Returns to the prelude the sharp tools that module code must never hold (of ffi and debug, loadstring).

local host, limits = ...

local native = {
  pcall = pcall, resume = coroutine.resume, create = coroutine.create, find = string.find, match = string.match, gmatch = string.gmatch,
  gsub = string.gsub, rep = string.rep, format = string.format, sort = table.sort, count = collectgarbage,
}
local type, tostring, tonumber, select, error, pairs, ipairs =
  type, tostring, tonumber, select, error, pairs, ipairs
local floor, format, byte, concat = math.floor, string.format, string.byte, table.concat
local setfenv, debug_registry = setfenv, debug.getregistry

local trusted = {
  cast = ffi.cast, getinfo = debug.getinfo, getmetatable = debug.getmetatable, loadstring = loadstring,
  setmetatable = setmetatable,
  replace_metatable = debug.setmetatable, -- of a table whose metatable is protected
}

trusted.limits = limits

-- The nearest line of module code: frames of the engine ("[airboat …]") and of C ("[C]") start with a bracket.
local function place()
  for level = 3, 20 do
    local info = trusted.getinfo(level, "Sl")
    if not info then break end
    if byte(info.short_src) ~= 91 then return format("%s:%d", info.short_src, info.currentline) end
  end
  return nil -- a tail call leaves no frame
end
function trusted.place() return place() or "somewhere" end

-- Raises, blaming the module's line that called into the engine.
local function fail(...)
  local at = place()
  error((at and at .. ": " or "") .. format(...), 0)
end
trusted.fail = fail

if not limits.jit then jit.off() end
-- Machine code is mapped by LuaJIT itself and so does not count against the memory limit: it gets its own cap.
jit.opt.start("maxtrace=2000", "maxmcode=" .. limits.machine_code_kb, "hotloop=" .. limits.hot_loop, "hotexit=" .. limits.hot_exit)
native.count("setpause", limits.alone_pause)
native.count("setstepmul", limits.pace)

function trusted.occupied() native.count("setpause", limits.pause) end

-- Compiled code is most of what a game that is over leaves behind; the next one compiles its own.
local flush = jit.flush
function trusted.rest()
  flush()
  native.count("setpause", limits.alone_pause)
  if native.count("count") < limits.collected_at_once_kb then native.count("collect") end
end

local ALLOWED = {
  _G = {}, _VERSION = {}, assert = {}, error = {}, getmetatable = {}, ipairs = {}, next = {}, pairs = {}, rawequal = {},
  rawget = {}, rawset = {}, select = {}, setmetatable = {}, tonumber = {}, tostring = {}, type = {}, unpack = {},
  coroutine = { "create", "isyieldable", "running", "status", "yield" },
  string = { "byte", "char", "format", "len", "lower", "reverse", "sub", "upper" },
  table = { "concat", "insert", "maxn", "remove", "unpack", "pack" },
  math = {
    "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg", "exp", "floor", "fmod", "frexp", "huge",
    "ldexp", "log", "log10", "max", "min", "modf", "pi", "pow", "rad", "sin", "sinh", "sqrt", "tan", "tanh",
  },
  bit = { "arshift", "band", "bnot", "bor", "bswap", "bxor", "lshift", "rol", "ror", "rshift", "tobit", "tohex" },
}

local function keep_only(from, allowed)
  for name in pairs(from) do
    if not allowed[name] then from[name] = nil end
  end
end

keep_only(_G, ALLOWED)
for _, library in ipairs { "coroutine", "string", "table", "math", "bit" } do
  local allowed = {}
  for _, name in ipairs(ALLOWED[library]) do allowed[name] = true end
  keep_only(_G[library], allowed)
end
trusted.getmetatable("").__metatable = false

-- LuaJIT keeps no count of the C stack: whatever calls Lua from C (gsub, sort, format, a coroutine) could nest until
-- the process dies. So we count. `base` is the count at which the running coroutine was resumed; C frames never span a
-- yield, so what a coroutine adds itself is the same after it was resumed from somewhere else.
local nested, base = 0, 0
local function deeper()
  if nested >= limits.nested then fail("calls through C functions and coroutines are nested deeper than %d", limits.nested) end
  nested = nested + 1
end
local function left(...)
  nested = nested - 1
  return ...
end
-- After an error that nobody caught.
function trusted.unwound() nested, base = 0, 0 end

-- A swallowed "not enough memory" would leave a VM that fails at every allocation: nobody may swallow it.
local OUT_OF_MEMORY = "not enough memory"
local function passed(ok, problem, ...)
  if not ok and problem == OUT_OF_MEMORY then error(OUT_OF_MEMORY, 0) end
  return ok, problem, ...
end

local function caught(own, ...)
  nested = base + own
  return passed(...)
end
local function pcall(f, ...) return caught(nested - base, native.pcall(f, ...)) end
_G.pcall = pcall

-- LuaJIT runs an xpcall handler with hooks off, where the watchdog cannot stop it; so it runs afterwards instead.
local function handled(handler, ok, ...)
  if ok then return true, ... end
  local _, problem = pcall(handler, ...)
  return false, problem
end
function _G.xpcall(f, handler, ...) return handled(handler, pcall(f, ...)) end

local function resumed(old_base, ...)
  nested, base = base - 1, old_base
  return passed(...)
end
local function resume(thread, ...)
  if type(thread) ~= "thread" then fail("coroutine.resume takes a coroutine") end
  deeper()
  local old_base = base
  base = nested
  return resumed(old_base, native.resume(thread, ...))
end
coroutine.resume = resume

local function unwrapped(ok, ...)
  if not ok then error((...), 0) end
  return ...
end
function coroutine.wrap(f)
  local thread = native.create(f)
  return function(...) return unwrapped(resume(thread, ...)) end
end

function _G.collectgarbage(what)
  if what ~= "count" then fail('collectgarbage: only "count" is available') end
  return native.count("count")
end

function trusted.log(...)
  local words = { ... }
  for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
  host.log(concat(words, "\t"))
end
_G.print = trusted.log

-- Patterns have a guard of their own, from the first one on.
local patterns
local function load_patterns()
  patterns = trusted.part("patterns", trusted, native, deeper, left)
  return patterns
end
for _, name in ipairs { "find", "match", "gmatch", "gsub" } do
  string[name] = function(...) return (patterns or load_patterns())[name](...) end
end

function string.rep(text, count, separator)
  local length = (#tostring(text) + #tostring(separator or "")) * (tonumber(count) or 0)
  if length > limits.repeated then
    fail("string.rep: %.0f characters are over the limit of %d", length, limits.repeated)
  end
  if separator then return native.rep(text, count, separator) end
  return native.rep(text, count)
end

-- In C an unlucky order takes the square of the length, and nothing can stop it; a comparison in Lua can be.
local SORTED_IN_C = 256
local function less(a, b) return a < b end

function table.sort(list, before)
  if type(list) == "table" then
    local length = #list
    if length > limits.sorted then fail("table.sort: %d elements are over the limit of %d", length, limits.sorted) end
    if length > SORTED_IN_C and before == nil then before = less end
  end
  deeper()
  return left(native.sort(list, before))
end

-- It asks for __tostring.
function string.format(...)
  deeper()
  return left(native.format(...))
end

-- The room's own generator (sfc32), the same on every machine. Its four words are part of what a checkpoint keeps.
local bxor, rol, lshift, rshift, tobit = bit.bxor, bit.rol, bit.lshift, bit.rshift, bit.tobit
local random = { 0, 0, 0, 1 }
trusted.random = random

local function draw()
  local a, b, c, d = random[1], random[2], random[3], random[4]
  local out = tobit(tobit(a + b) + d)
  random[1], random[2], random[3], random[4] =
    bxor(b, rshift(b, 9)), tobit(c + lshift(c, 3)), tobit(rol(c, 21) + out), tobit(d + 1)
  return out
end

function trusted.seed(low, high)
  random[1], random[2], random[3], random[4] = tobit(low), tobit(high), tobit(0x9e3779b9), 1
  for _ = 1, 15 do draw() end
end
trusted.seed(0, 0)

local function unit() return ((draw() % 4294967296) * 2097152 + rshift(draw(), 11) % 2097152) / 9007199254740992 end

function trusted.draw(name, low, high)
  if low == nil then return unit() end
  if high == nil then low, high = 1, low end
  if type(low) ~= "number" or type(high) ~= "number" or low ~= floor(low) or high ~= floor(high) or low > high then
    fail("%s: two whole numbers, the smaller first, not (%s, %s)", name, tostring(low), tostring(high))
  end
  return low + floor(unit() * (high - low + 1))
end

function math.random(low, high) return trusted.draw("math.random", low, high) end
function math.randomseed(seed)
  if type(seed) ~= "number" or seed ~= seed then fail("math.randomseed: a number") end
  trusted.seed(seed % 4294967296, floor(seed / 4294967296) % 4294967296)
end

-- Modules see the tick's time and no other clock: a room that runs again does the same again.
trusted.clock = { time = 0 }
_G.os = {
  time = function() return floor(trusted.clock.time) end,
  clock = function() return trusted.clock.time end,
}

-- require: only the module's own files, each run once. `host.source` answers from what was read when it was loaded.
local loaded, LOADING = {}, {}
function _G.require(name)
  if type(name) ~= "string" then fail('require: a name such as "shared.step"') end
  local value = loaded[name]
  if value == LOADING then fail("require %q: it is being loaded already (a circle)", name) end
  if value ~= nil then return value end
  local chunk, problem = host.source(name)
  if not chunk then fail("%s", problem) end
  loaded[name] = LOADING
  local ok, result = native.pcall(chunk, name)
  if not ok then
    loaded[name] = nil
    error(result, 0)
  end
  if result == nil then result = true end
  loaded[name] = result
  return result
end

local names -- for complaints
function trusted.did_you_mean(wrong, known)
  names = names or trusted.part "names"
  return names.did_you_mean(wrong, known)
end

-- What `debug`, `ffi` and `jit` had, besides what is kept here, can go.
local registered = debug_registry()._LOADED
for _, name in ipairs { "debug", "ffi", "jit", "jit.opt", "jit.util" } do registered[name] = nil end

-- A file of the engine, run when it is needed. By then a module may have put its own functions in the place of the
-- libraries': the file sees them as they are now.
local library = {
  type = type, tostring = tostring, tonumber = tonumber, select = select, error = error, pcall = _G.pcall, next = next,
  pairs = pairs, ipairs = ipairs, rawget = rawget, rawset = rawset, unpack = unpack,
  math = { floor = floor, ceil = math.ceil, min = math.min, max = math.max, sqrt = math.sqrt, huge = math.huge },
  string = { format = string.format, byte = byte, sub = string.sub }, table = { concat = concat, sort = table.sort, remove = table.remove },
}
function trusted.part(name, ...)
  local chunk = trusted.chunk_of(name)
  if not chunk then error(OUT_OF_MEMORY, 0) end
  return setfenv(chunk, library)(...)
end

return trusted
