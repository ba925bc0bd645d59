-- What a module's code can reach: an allow-list, everything else goes. Runs once in a fresh VM, before any module.
-- Returns to the prelude the sharp tools that module code must never hold (ffi, debug, loadstring).

local host, limits = ...

local native = {
  pcall = pcall, resume = coroutine.resume, create = coroutine.create, find = string.find, match = string.match, gmatch = string.gmatch,
  gsub = string.gsub, rep = string.rep, format = string.format, sort = table.sort, count = collectgarbage,
}
local type, tostring, tonumber, select, error, pairs, ipairs =
  type, tostring, tonumber, select, error, pairs, ipairs
local floor, min, format, byte, concat = math.floor, math.min, string.format, string.byte, table.concat
local sub = string.sub

local trusted = {
  ffi = ffi, getinfo = debug.getinfo, getmetatable = debug.getmetatable, loadstring = loadstring,
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
jit.opt.start("maxtrace=2000", "maxmcode=" .. limits.machine_code_kb)

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

-- Patterns run inside C, where nothing can stop them. A pattern's worst case grows with the subject's length to the
-- power of its quantifiers that can be retried (and once more unless it is anchored); that product is capped.
local SUBJECT_MAX = { [0] = 262144, 262144, 6300, 490, 150, 75, 50, 40, 30 }
local costs, cost_count = {}, 0

local function measure(pattern)
  local quantifiers, at, length, in_sets = 0, 1, #pattern, 0
  local anchored = byte(pattern, 1) == 94
  if anchored then at = 2 end
  while at <= length do
    local c = byte(pattern, at)
    if c == 37 then -- %x, %bxy, %f[set]
      local class = byte(pattern, at + 1)
      if class == 98 then at, quantifiers = at + 2, quantifiers + 1 end
      at = at + 2
    elseif c == 91 then -- [set]
      local opened = at
      at = at + 1
      if byte(pattern, at) == 94 then at = at + 1 end
      repeat -- the first character may be "]" itself
        if byte(pattern, at) == 37 then at = at + 1 end
        at = at + 1
      until at > length or byte(pattern, at) == 93
      at = at + 1
      in_sets = in_sets + at - opened
    else
      at = at + 1
    end
    local q = byte(pattern, at)
    if q == 42 or q == 43 or q == 45 or q == 63 then -- * + - ?
      at = at + 1
      -- A greedy one with only closing brackets behind it is never retried.
      local last = not native.find(sub(pattern, at), "[^)]")
      if not (last and q ~= 45) then quantifiers = quantifiers + 1 end
    end
  end
  -- A set is searched for every character; long ones count as one power more.
  return quantifiers + (in_sets > 40 and 1 or 0), anchored
end

local function check_pattern(name, subject, pattern, may_anchor)
  if type(subject) == "number" then subject = tostring(subject) end
  if type(pattern) ~= "string" or type(subject) ~= "string" then return end -- the library says what is wrong
  local cost = costs[pattern]
  if not cost then
    if #pattern > limits.pattern then
      fail("string.%s: a pattern of %d characters is over the limit of %d", name, #pattern, limits.pattern)
    end
    local quantifiers, anchored = measure(pattern)
    cost = { quantifiers = quantifiers, anchored = anchored }
    if cost_count >= 256 then costs, cost_count = {}, 0 end
    costs[pattern], cost_count = cost, cost_count + 1
  end
  local power = cost.quantifiers + ((cost.anchored and may_anchor) and 0 or 1)
  if #subject > (SUBJECT_MAX[power] or 0) then
    fail("string.%s: the pattern %q could take too long on %d characters", name, pattern, #subject)
  end
end

function string.find(subject, pattern, init, plain)
  if not plain then
    check_pattern("find", subject, pattern, true)
  elseif #tostring(subject) * #tostring(pattern) > limits.plain then
    fail("string.find: %d characters in %d could take too long", #tostring(pattern), #tostring(subject))
  end
  return native.find(subject, pattern, init, plain)
end
function string.match(subject, pattern, init)
  check_pattern("match", subject, pattern, true)
  return native.match(subject, pattern, init)
end
function string.gmatch(subject, pattern)
  check_pattern("gmatch", subject, pattern, false)
  return native.gmatch(subject, pattern)
end
function string.gsub(subject, pattern, with, count)
  check_pattern("gsub", subject, pattern, true)
  deeper()
  return left(native.gsub(subject, pattern, with, count))
end

function string.rep(text, count, separator)
  local length = (#tostring(text) + #tostring(separator or "")) * (tonumber(count) or 0)
  if length > limits.repeated then
    fail("string.rep: %.0f characters are over the limit of %d", length, limits.repeated)
  end
  if separator then return native.rep(text, count, separator) end
  return native.rep(text, count)
end

function table.sort(list, before)
  if type(list) == "table" and #list > limits.sorted then
    fail("table.sort: %d elements are over the limit of %d", #list, limits.sorted)
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

-- The nearest of `names` when it is near enough to be a slip of the finger.
function trusted.nearest_name(wrong, names)
  local best, best_distance = nil, 3
  if type(wrong) ~= "string" or #wrong > 40 then return nil end
  for _, name in ipairs(names) do
    local row = {}
    for j = 0, #name do row[j] = j end
    for i = 1, #wrong do
      local diagonal = row[0]
      row[0] = i
      for j = 1, #name do
        local above = row[j]
        local same = byte(wrong, i) == byte(name, j)
        row[j] = min(above + 1, row[j - 1] + 1, diagonal + (same and 0 or 1))
        diagonal = above
      end
    end
    if row[#name] < best_distance and row[#name] < #name then best, best_distance = name, row[#name] end
  end
  return best
end

function trusted.did_you_mean(wrong, names)
  local best = trusted.nearest_name(wrong, names)
  return best and format("; did you mean %s?", best) or "; there are " .. concat(names, ", ")
end

return trusted
