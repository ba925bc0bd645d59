-- One running game of the stand-in: its scripts, their contexts, its frames. Many may run in one process, each with globals
-- and modules of its own.
--
-- The order within a frame is the engine's: extensions, timers, update(self, dt), messages, deletions. What a call causes is
-- delivered in a later step, never inside the call.

local Timers = require "engine.timer"
local Websocket = require "engine.websocket"
local Html5 = require "engine.html5"
local Http = require "engine.http"
local Messages = require "engine.messages"
local globals = require "engine.globals"
local random = require "host.random"
local socket = require "socket"

local MAX_TIME_STEP = 0.5 -- engine.max_time_step: longer gaps are hidden from dt
-- What JavaScript's end looks like from Lua: it cannot be caught, so the app is dead even where pcall went on.
local ABORTED = "the engine is gone"

local App = {}
App.__index = App

local LIFECYCLE = { "init", "final", "update", "fixed_update", "late_update", "on_message", "on_input", "on_reload" }

-- options: profile ("html5" or "native"), root (the project), home (where saves go), config (overrides of game.project),
-- page ("http:" or "https:"), browser (a real page: host/browser.lua), seed, loss (of TCP segments, 0 to 1), without ({ websocket = true }), storage ("blocked").
local function new(options)
  local app = setmetatable({
    html5 = options.profile == "html5", root = options.root, home = options.home, page = options.page or "http:",
    storage = options.storage, without = options.without or {}, offset = 0, scripts = {}, errors = {}, log = {}, frames = 0,
    random = random.new(options.seed or 1), deleted = {}, proxies = {},
  }, App)
  app.faults = { loss = options.loss or 0, random = app.random }
  app.config = globals.read_project(app.root .. "/game.project", options.config or {})
  app.timers, app.websocket, app.http, app.messages = Timers.new(app), Websocket.new(app), Http.new(app), Messages.new(app)
  app.browser = Html5.new(app, options.browser)
  app.last, app.frozen = app:now(), app:now()
  app.globals = globals.new(app)
  -- Without script.shared_state, scripts and gui scripts live in worlds of their own.
  app.gui_globals = app:config_number("script.shared_state", 0) == 1 and app.globals or globals.new(app)
  return app
end

function App:now() return socket.gettime() + self.offset end

-- What socket.gettime tells scripts: in a browser milliseconds, and the same ones throughout a frame.
function App:gettime() return self.html5 and self.frozen or self:now() end

function App:config_number(key, default) return tonumber(self.config[key]) or default end

-- The clock jumps, as after a laptop's sleep.
function App:skip(seconds) self.offset = self.offset + seconds end

function App:abort(why)
  self.aborted = why
  error(ABORTED, 0)
end

-- Contexts ------------------------------------------------------------------------------------------------------------

-- A callback remembers the script that registered it.
function App:callback(fn)
  if type(fn) ~= "function" then error("bad argument (function expected, got " .. (fn == nil and "no value" or type(fn)) .. ")", 4) end
  if not self.current then error("this can only be called from a script", 4) end
  return { fn = fn, instance = self.current }
end

local function report(app, problem)
  if app.aborted then return end
  table.insert(app.errors, debug.traceback(tostring(problem), 2))
end

-- Runs `fn` as `instance`. Its errors are printed by the engine, and that is all.
function App:run_as(instance, fn, ...)
  local before, arguments, n = self.current, { ... }, select("#", ...)
  self.current = instance
  local _, result = xpcall(function() return fn(unpack(arguments, 1, n)) end, function(problem) report(self, problem) end)
  self.current = before
  if self.aborted then error(ABORTED, 0) end
  return result
end

-- Nothing happens when the script is gone.
function App:invoke(callback, ...)
  if callback.instance.alive then self:run_as(callback.instance, callback.fn, callback.instance.self, ...) end
end

-- Scripts -------------------------------------------------------------------------------------------------------------

-- `self` is userdata: fields can be set and read, and that is all.
local function script_self()
  local proxy, fields = newproxy(true), {}
  local meta = getmetatable(proxy)
  meta.__index, meta.__metatable = fields, false
  meta.__newindex = function(_, key, value) fields[key] = value end
  return proxy, fields
end

local function load_file(app, path, environment)
  local file = assert(io.open(app.root .. "/" .. path, "rb"))
  local source = file:read("*a")
  file:close()
  local chunk = assert(loadstring(source, "@" .. path))
  setfenv(chunk, environment)
  return chunk
end

-- `what`: a table of lifecycle functions, or the path of a script in the project. The kind is told by the file's name or by
-- `kind`: "script" or "gui_script".
function App:script(what, id, kind)
  if type(what) == "string" then kind = what:match("gui_script$") or "script" end
  id = id or "/script" .. (#self.scripts + 1)
  local instance = {
    app = self, alive = true, kind = kind or "script", path = id:match("^[^#]*"), functions = {},
    address = id:find("#", 1, true) and id or id .. "#script",
  }
  instance.self, instance.fields = script_self()
  table.insert(self.scripts, instance)
  for name, fn in pairs(type(what) == "table" and what or {}) do instance.functions[name] = fn end
  if type(what) == "string" then return self:into(instance, what) end
  self:tell(instance, "init")
  return instance
end

-- Gives an instance its script file.
function App:into(instance, path)
  local environment = instance.kind == "gui_script" and self.gui_globals or self.globals
  self.defaults = instance.fields
  self:run_as(nil, load_file(self, path, environment))
  self.defaults = nil
  for _, name in ipairs(LIFECYCLE) do
    instance.functions[name] = rawget(environment, name)
    rawset(environment, name, nil)
  end
  self:tell(instance, "init")
  return instance
end

function App:tell(instance, name, ...)
  local fn = instance.functions[name]
  if fn and instance.alive then self:run_as(instance, fn, instance.self, ...) end
end

-- At the end of the frame, as go.delete does.
function App:delete(instance) table.insert(self.deleted, instance) end

local function bury(app)
  local deleted = app.deleted
  app.deleted = {}
  for _, instance in ipairs(deleted) do
    if instance.alive then
      app:tell(instance, "final")
      instance.alive = false
      app.timers:kill(instance)
      for place, other in ipairs(app.scripts) do
        if other == instance then table.remove(app.scripts, place) break end
      end
    end
  end
end

-- The scripts of an object, or the one with this fragment.
function App:addressed(address)
  local path, fragment, found = address:match("^[^#]*"), address:find("#", 1, true), {}
  for _, instance in ipairs(self.scripts) do
    if instance.path == path and (not fragment or instance.address == address) then found[#found + 1] = instance end
  end
  return found
end

function App:find(id) return self:addressed(id)[1] end

-- Messages that the engine takes itself: input focus needs no answer here, a collection proxy loads its scripts.
function App:engine_takes(message)
  -- The engine's own sockets, such as the renderer's.
  if message.to:sub(1, 1) == "@" then
    table.insert(self.scene, { message.to, require("engine.messages").name_of(message.id), message.data })
    return true
  end
  local proxy = self.proxies[message.to]
  if proxy then return proxy(message) end
  return self.objects[message.to] ~= nil
end

-- A collection proxy at `address`: `fill()` makes the collection's scripts and returns them.
function App:proxy(address, fill)
  local scripts = {}
  self.proxies[address] = function(message)
    local what = require("engine.messages").name_of(message.id)
    local sender = message.sender_instance
    local function answer(text) self.messages:answer(sender, text, address) end
    if what == "load" then answer("proxy_loaded")
    elseif what == "enable" then scripts = fill()
    elseif what == "unload" then
      for _, instance in ipairs(scripts) do self:delete(instance) end
      scripts = {}
      answer("proxy_unloaded")
    end
    return true
  end
end

-- A key, a touch: to every script, as if all had the focus.
function App:input(action_id, action)
  for _, instance in ipairs({ unpack(self.scripts) }) do
    self:tell(instance, "on_input", require("engine.messages").hash(action_id), action)
  end
end

-- As a script would: `fn(...)` with the context of `instance`.
function App:as(instance, fn, ...) return self:run_as(instance, fn, ...) end

-- Frames --------------------------------------------------------------------------------------------------------------

-- What a browser does between two frames, and threads natively.
function App:between()
  if self.aborted then error(self.aborted, 0) end
  self.frozen = math.floor(self:now() * 1000) / 1000
  self.websocket:poll()
  self.http:poll()
end

function App:frame()
  self:between()
  local now = self:now()
  local dt = math.min(math.max(now - self.last, 0), MAX_TIME_STEP)
  self.last, self.in_frame, self.frames = now, true, self.frames + 1
  self.websocket:update()
  self.timers:update(dt)
  local scripts = {}
  for place, instance in ipairs(self.scripts) do scripts[place] = instance end
  for _, instance in ipairs(scripts) do self:tell(instance, "update", dt) end
  self.http:update()
  self.messages:dispatch()
  bury(self)
  self.in_frame = false
end

-- Focus and the like: window.set_listener's callback.
function App:window_event(event)
  if self.window_listener then self:invoke(self.window_listener, event, {}) end
end

-- How many lines of the log say this.
function App:logged(text)
  local n = 0
  for _, line in ipairs(self.log) do if line:find(text, 1, true) then n = n + 1 end end
  return n
end

-- Breaks all links; how many there were.
function App:cut() return self.websocket:cut() + self.http:cut() + self.browser:cut() end

-- The program ends: nothing is said on the wire.
function App:quit()
  self.websocket:close_all()
  self.http:cut()
  self.browser:cut()
end

return { new = new, ABORTED = ABORTED }
