-- What scripts see: the engine's globals and no others. Reading a name that the engine does not have raises, which the engine
-- itself does not do: a typo must not pass for a nil.

local json = require "engine.json"
local messages = require "engine.messages"
local saves = require "engine.saves"
local scene = require "engine.scene"
local vectors = require "engine.vectors"

local BASE = {
  "assert", "collectgarbage", "error", "getfenv", "getmetatable", "ipairs", "load", "loadstring", "newproxy", "next", "pairs",
  "pcall", "rawequal", "rawget", "rawset", "select", "setfenv", "setmetatable", "tonumber", "tostring", "type", "unpack",
  "xpcall", "_VERSION",
}
local LIBRARIES = {
  coroutine = { "create", "resume", "running", "status", "wrap", "yield" },
  table = { "concat", "foreach", "foreachi", "getn", "insert", "maxn", "remove", "sort" },
  string = {
    "byte", "char", "dump", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep", "reverse", "sub", "upper",
  },
  math = {
    "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg", "exp", "floor", "fmod", "frexp", "huge", "ldexp",
    "log", "log10", "max", "min", "modf", "pi", "pow", "rad", "random", "randomseed", "sin", "sinh", "sqrt", "tan", "tanh",
  },
  os = { "clock", "date", "difftime", "getenv", "time" },
  io = { "open", "lines" },
  debug = { "getinfo", "traceback", "getlocal", "sethook", "gethook", "getmetatable" },
}
-- These may be absent, and a program asks for them.
local MAYBE = { websocket = true, html5 = true, jit = true }

-- game.project is an INI file.
local function read_project(path, overrides)
  local config, section = {}, ""
  local file = io.open(path, "rb")
  for line in file and file:lines() or function() end do
    section = line:match("^%[(.-)%]") or section
    local key, value = line:match("^([%w_#.]+)%s*=%s*(.-)%s*$")
    if key then config[section .. "." .. key] = value end
  end
  if file then file:close() end
  for key, value in pairs(overrides) do config[key] = value end
  return config
end

local function pick(from, names)
  local copy = {}
  for _, name in ipairs(names) do copy[name] = from[name] end
  return copy
end

local function strict(environment)
  return setmetatable(environment, {
    __index = function(_, name)
      if MAYBE[name] then return nil end
      error("the engine has no global '" .. tostring(name) .. "'", 2)
    end,
  })
end

-- Only files of the project are modules: bob has packed those that it found required, and there are no others.
local function requirer(app, environment)
  local loaded = {}
  environment.package = { loaded = loaded }
  return function(name)
    if type(name) ~= "string" then error("bad argument #1 to 'require' (string expected, got " .. type(name) .. ")", 2) end
    if loaded[name] ~= nil then return loaded[name] end
    local file = name:match("^[%w_.-]+$") and io.open(app.root .. "/" .. name:gsub("%.", "/") .. ".lua", "rb")
    if not file then error("module '" .. name .. "' not found", 2) end
    local source = file:read("*a")
    file:close()
    local chunk, problem = loadstring(source, "@" .. name:gsub("%.", "/") .. ".lua")
    if not chunk then error(problem, 2) end
    setfenv(chunk, environment)
    loaded[name] = true
    local result = chunk(name)
    if result ~= nil then loaded[name] = result end
    return loaded[name]
  end
end

local function zlib_api()
  local zlib = require "zlib"
  return {
    deflate = function(bytes) return (zlib.deflate()(bytes, "finish")) end,
    inflate = function(bytes) return (zlib.inflate()(bytes, "finish")) end,
  }
end

-- LuaSocket's tables exist everywhere; in a browser nothing but the clock works.
local function socket_api(app)
  return { gettime = function() return app:gettime() end }
end

local function window_api(app)
  return {
    set_listener = function(fn) app.window_listener = fn and app:callback(fn) or nil end,
    WINDOW_EVENT_FOCUS_LOST = 0, WINDOW_EVENT_FOCUS_GAINED = 1, WINDOW_EVENT_RESIZED = 2, WINDOW_EVENT_ICONFIED = 3,
    WINDOW_EVENT_DEICONIFIED = 4,
  }
end

local function new(app)
  local environment = pick(_G, BASE)
  for name, names in pairs(LIBRARIES) do environment[name] = pick(_G[name], names) end
  environment._G = environment
  environment.bit = require "bit"
  environment.zlib = zlib_api()
  environment.json = json.api()
  environment.socket = socket_api(app)
  environment.window = window_api(app)
  environment.timer = app.timers:api()
  environment.http = app.http:api()
  if not app.without.websocket then environment.websocket = app.websocket:api() end
  if app.html5 then environment.html5 = app.browser:api() else environment.jit = rawget(_G, "jit") end
  environment.print = function(...)
    local parts = {}
    for n = 1, select("#", ...) do parts[n] = tostring((select(n, ...))) end
    table.insert(app.log, table.concat(parts, "\t"))
  end
  environment.pprint = environment.print
  environment.require = requirer(app, environment)
  app.messages:install(environment)
  saves.install(app, environment)
  vectors.install(environment)
  scene.install(app, environment)
  return strict(environment)
end

return { new = new, read_project = read_project, hash = messages.hash }
