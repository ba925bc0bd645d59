-- The engine, as far as the library needs it: the only file that names Defold's globals. A table of functions like this
-- one, with other insides, runs the library elsewhere.

local defold = {}

-- A global that may be missing, also where games have made reading those an error.
local function global(name)
  local ok, value = pcall(function() return _G[name] end)
  return ok and value or nil
end

-- Time and frames -------------------------------------------------------------------------------------------------------

local last_wall, elapsed

-- Milliseconds. The engine's clock is that of the wall and may be set back: then it stands still here.
function defold.now()
  local wall = socket.gettime()
  if not last_wall then last_wall, elapsed = wall, 0 end
  if wall > last_wall then elapsed = elapsed + (wall - last_wall) end
  last_wall = wall
  return elapsed * 1000
end

-- Calls `fn` every frame, just before scripts update, as long as the script lives that called this. Returns the way to
-- stop.
function defold.every_frame(fn)
  local handle = timer.delay(0, true, function() fn() end)
  return function() timer.cancel(handle) end
end

local chance

-- From 0 up to 1, for the jitter of pauses; a game's own math.random is left alone. (The engine has no secure source.)
function defold.random()
  chance = chance or math.floor(socket.gettime() * 1000) % 2147483646 + 1
  chance = chance * 16807 % 2147483647
  return chance / 2147483647
end

function defold.report(text) print(text) end

-- WebSocket -------------------------------------------------------------------------------------------------------------

function defold.has_websocket()
  if global("websocket") then return true end
  print("airboat: extension-websocket is missing, HTTP polling takes its place; add "
    .. "https://github.com/defold/extension-websocket/archive/refs/tags/4.1.0.zip to the dependencies in game.project")
  return false
end

local Socket = {}
Socket.__index = Socket

-- False when the connection is not there (any more): the engine raises then.
function Socket:send(frame)
  if self.state ~= "open" then return false end
  return (pcall(websocket.send, self.connection, frame, { type = websocket.DATA_TYPE_BINARY }))
end

function Socket:close()
  local state = self.state
  self.state = "closed"
  -- In a browser this does nothing to one that is still connecting: should it open later, it is closed then.
  if state ~= "closed" and self.connection then pcall(websocket.disconnect, self.connection) end
end

-- `to`: opened(), message(frame), ended(), the last at most once. Returns what has `send` and `close`, or nil. Whoever
-- closes it hears no more of it. Close codes and reasons are never read: they are garbage in a browser.
function defold.websocket(protocol, url, to)
  local self = setmetatable({ state = "connecting" }, Socket)
  local function on_event(_, connection, data)
    local event = data.event
    if event == websocket.EVENT_CONNECTED then
      if self.state == "closed" then
        pcall(websocket.disconnect, connection)
        return
      end
      -- It may come before `connect` has returned, and more than once.
      if self.state == "open" then return end
      self.connection = connection
      self.state = "open"
      to.opened()
    elseif event == websocket.EVENT_MESSAGE then
      if self.state == "open" then to.message(data.message) end
    elseif self.state ~= "closed" then
      -- An error, a close, or one after the other.
      self.state = "closed"
      to.ended()
    end
  end
  local ok, connection = pcall(websocket.connect, url, { protocol = protocol, timeout = 5000 }, on_event)
  if not ok or not connection then return nil end
  self.connection = connection
  return self
end

-- HTTP ------------------------------------------------------------------------------------------------------------------

local function request(url, method, seconds, headers, body, callback)
  local answered = false
  local function answer(_, _, response)
    if answered then return end
    answered = true
    callback(response.status or 0, response.response or "")
  end
  http.request(url, method, answer, headers, body, { timeout = seconds, ignore_cache = true })
end

-- `callback(status, body)`, once; status 0 when there was no answer. Plain text: anything else would make a browser ask
-- for leave first.
function defold.post(url, body, seconds, callback)
  request(url, "POST", seconds, { ["Content-Type"] = "text/plain" }, body, callback)
end

function defold.get(url, seconds, callback) request(url, "GET", seconds, nil, nil, callback) end

-- The value of a JSON text, or nil.
function defold.json(text)
  local ok, value = pcall(json.decode, text)
  return ok and value or nil
end

-- The rest --------------------------------------------------------------------------------------------------------------

local is_html5

function defold.html5()
  if is_html5 == nil then is_html5 = sys.get_sys_info().system_name == "HTML5" end
  return is_html5
end

-- What the page around the game answers, a text, or nil where there is no page. What the code throws ends the engine.
function defold.javascript(code)
  if not defold.html5() or not global("html5") then return nil end
  local ok, answer = pcall(html5.run, code)
  return ok and type(answer) == "string" and answer or nil
end

-- A page that came over https may not open insecure connections: trying to ends the engine.
function defold.secure_page() return defold.javascript("location.protocol") == "https:" end

-- A setting of game.project, or nil.
function defold.config(key)
  local value = sys.get_config_string(key, "")
  return value ~= "" and value or nil
end

local APPLICATION = "airboat"

-- What was saved under this name, or an empty table.
function defold.load(name)
  local ok, value = pcall(function() return sys.load(sys.get_save_file(APPLICATION, name)) end)
  return ok and type(value) == "table" and value or {}
end

-- False when it could not be saved: a browser may forbid it, a disk be full.
function defold.save(name, value)
  local ok, saved = pcall(function() return sys.save(sys.get_save_file(APPLICATION, name), value) end)
  return ok and saved == true
end

-- Posts to a script; false when the engine does not take it, because it is too large or holds what messages cannot.
function defold.post_message(url, id, message) return (pcall(msg.post, url, id, message)) end

return defold
