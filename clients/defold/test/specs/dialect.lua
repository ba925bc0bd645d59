-- The library and the examples are plain Lua 5.1, and engine globals are named in few places.

local scan = require "scan"

-- Files that may name the engine's globals, besides scripts.
local PLATFORM = {
  ["airboat/platform/"] = true, -- the one place where the library meets the engine
  ["airboat/vmath.lua"] = { vmath = true }, -- helpers for vectors, all of them
}
local LUA = {}
for name in ([[assert collectgarbage error getmetatable ipairs next pairs pcall print rawequal rawget rawset require select
  setmetatable tonumber tostring type unpack xpcall coroutine math os string table debug package _G _VERSION]]):gmatch("%S+") do
  LUA[name] = true
end
-- What docs/api.md tells of; the makers of the first four are the library's own.
local PUBLIC = { "client", "room", "inbox", "airboat", "own", "predict", "buffer", "clock", "vmath" }
local MADE_BY_US = { ["client.new"] = true, ["room.new"] = true, ["inbox.new"] = true }
local LIFECYCLE = { init = true, final = true, update = true, fixed_update = true, on_message = true, on_input = true, on_reload = true }

return function(t)
  local root = t.options.root

  local function files(pattern)
    local pipe = assert(io.popen("cd '" .. root .. "' && find . -type f \\( " .. pattern .. " \\) | sort"))
    local list = {}
    for line in pipe:lines() do list[#list + 1] = line:sub(3) end
    pipe:close()
    return list
  end

  local function read(path) return t.read(root .. "/" .. path) end

  -- What is shipped: not the tests, not what builds leave behind.
  local function shipped()
    local list = {}
    for _, path in ipairs(files "-name '*.lua' -o -name '*.script' -o -name '*.gui_script' -o -name '*.render_script'") do
      if not path:find("^test/") and not path:find("^build/") and not path:find("^%.internal/") then list[#list + 1] = path end
    end
    t.check(#list > 20, "the library is there: " .. #list .. " files")
    return list
  end

  local function complain(list)
    if #list > 0 then error(#list .. " findings:\n  " .. table.concat(list, "\n  "), 2) end
  end

  t.test("none", "the scan finds what it must, and nothing in comments, strings and names", function()
    local bad = {
      ["goto done"] = "goto", ["::done::"] = "::", ['x = "\\x41"'] = "\\x", ['x = "\\u{41}"'] = "\\u", ['x = "a\\z  b"'] = "\\z",
      ["a = table.unpack(t)"] = "table.unpack", ["a = string.pack('b', 1)"] = "string.pack", ["a = bit.band(1, 2)"] = "bit.band",
      ["local ffi = require 'ffi'"] = "ffi", ["a = 7 // 2"] = "//", ["a = b & c"] = "&", ["a = b | c"] = "|", ["a = ~b"] = "~",
      ["a = b << 2"] = "<<", ["a = b >> 2"] = ">>", ["xpcall(f, h, 1)"] = "xpcall", ["a = load('x = 1')"] = "load",
      ["a = ('x'):rep(3, ',')"] = "rep", ["a = s:find('^%g')"] = "%g", ["a = 1ULL"] = "1ULL", ["a = 0b11"] = "0b11",
      ["a = utf8.char(1)"] = "utf8", ["a = coroutine.isyieldable()"] = "isyieldable", ["require('bit')"] = "require of bit",
      ["a = table.move(t, 1, 2, 3)"] = "table.move", ["a = math.type(1)"] = "math.type",
    }
    for source, what in pairs(bad) do
      local found = scan.dialect(source)
      t.check(found[1] and table.concat(found, ";"):find(what, 1, true), source .. " passed: " .. table.concat(found, ";"))
    end
    local good = {
      "-- goto // & | table.unpack \\x", "--[[ goto\n a // b ]] x = 1", "--[==[ ]] goto ]==] x = 1", 'x = "goto // & table.unpack bit.band"',
      "x = [[\\x41 goto ~ & ]]", 'x = "\\065\\n\\\\x41\\"&"', "x = a ~= b", "x = a .. b ... ", "t.bit = 1; t.ffi = 2", "x = self.table.unpack",
      "x = { bit = 1, utf8 = 2 }", "xpcall(function() return f(a, b) end, h)", "x = ('-'):rep(3)", "x = ('%.17g'):format(n)", "x = 'http://a'",
      "x = a <= b and c >= d", "x = 1e10 + 0xFF", "#!/usr/bin/lua\nx = 1", "x = 'it''s' .. \"&\"", "local load = x; load(y)", "t[a[b[1]]] = 2",
    }
    for _, source in ipairs(good) do
      local found = scan.dialect(source)
      t.check(#found == 0, source .. ": " .. table.concat(found, ";"))
    end
  end)

  t.test("none", "nothing outside Lua 5.1 in library and examples", function()
    local list = {}
    for _, path in ipairs(shipped()) do
      for _, finding in ipairs(scan.dialect(read(path))) do list[#list + 1] = path .. ":" .. finding end
    end
    complain(list)
  end)

  t.test("none", "lua5.1 compiles every file, tests included", function()
    local list, n = {}, 0
    for _, path in ipairs(files "-name '*.lua' -o -name '*.script' -o -name '*.gui_script' -o -name '*.render_script'") do
      if not path:find("^build/") and not path:find("^%.internal/") then
        n = n + 1
        local globals, problem = scan.globals(root .. "/" .. path)
        if not globals then list[#list + 1] = problem end
      end
    end
    complain(list)
    t.check(n > 40, n .. " files")
  end)

  t.test("none", "globals: Lua's own in the library, the engine's in platform files and scripts alone", function()
    local list = {}
    local engine = t.options.engine_names()
    for _, path in ipairs(shipped()) do
      local globals = assert(scan.globals(root .. "/" .. path))
      local script = path:find("script$")
      for name, line in pairs(globals.written) do
        if not (script and LIFECYCLE[name]) then list[#list + 1] = ("%s:%d: writes %s"):format(path, line, name) end
      end
      local allowed = {}
      for prefix, names in pairs(PLATFORM) do
        if path:sub(1, #prefix) == prefix then allowed = names == true and engine or names end
      end
      if not path:find("^airboat/") or script then allowed = engine end
      for name, line in pairs(globals.read) do
        if not LUA[name] and not allowed[name] then list[#list + 1] = ("%s:%d: reads %s"):format(path, line, name) end
      end
    end
    complain(list)
  end)

  t.test("none", "every public function has LuaLS annotations, for each of its parameters", function()
    local list, n = {}, 0
    for _, name in ipairs(PUBLIC) do
      local block = {}
      for line in read("airboat/" .. name .. ".lua"):gmatch("([^\n]*)\n") do
        local of, fn, parameters = line:match("^function ([%w_]+[.:])([%w]+)%((.-)%)")
        if of and not MADE_BY_US[of .. fn] then
          n = n + 1
          local text = table.concat(block, "\n")
          if text == "" then list[#list + 1] = name .. ": " .. of .. fn end
          for parameter in parameters:gmatch("[%w_.]+") do
            if not text:find("@param " .. parameter .. " ", 1, true) then list[#list + 1] = name .. ": " .. fn .. ": " .. parameter end
          end
        end
        if line:find("^%-%-%-[^%-]") then block[#block + 1] = line else block = {} end
      end
    end
    complain(list)
    t.check(n > 50, n .. " functions")
  end)
end
