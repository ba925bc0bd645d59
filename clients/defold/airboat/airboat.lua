-- Airboat's client for Defold. README.md has the five-minute start, docs/api.md every call.
--
--     local airboat = require "airboat.airboat"
--     local client = airboat.connect("http://127.0.0.1:7777", { name = "Ann" })
--     client:join("tank8", "blue fox", function(room, err) … end)

local client = require "airboat.client"
local defold = require "airboat.platform.defold"
local events = require "airboat.events"
local msgpack = require "airboat.msgpack"

local airboat = {
  VERSION = client.VERSION,
  ---What stands for nil inside a list.
  null = msgpack.null,
}

local DEFAULT_URL = "http://127.0.0.1:7777"

-- The clients there are, by what they were made with; and those that the game drives and has closed, by themselves, until
-- the last of it is said. Outlives a hot reload of this file.
local live = package.loaded["airboat.live"] or {}
package.loaded["airboat.live"] = live

---@class airboat.ConnectOptions
---@field url string|nil `https://host:port` (ws and wss too). Left out: `url` of `[airboat]` in game.project, else http://127.0.0.1:7777.
---@field name string|nil The player's display name.
---@field profile string|nil Another person on the same machine.
---@field transport "auto"|"webtransport"|"websocket"|"http"|nil WebTransport is for browsers; elsewhere it is "auto".
---@field debug_hash boolean|nil Compare the state with the server's hashes once a second or so; see `room.hashes`.
---@field drive boolean|nil False: you call `client:update()` every frame yourself.

---A client of the server at `url`. Opens no connection before the first `join`. Call it from a script that lives as long
---as the game. A second call with the same options returns the same client: so a hot reload changes nothing.
---@param url string|airboat.ConnectOptions|nil
---@param opts airboat.ConnectOptions|nil
---@return airboat.Client|nil client
---@return airboat.Error|nil err
function airboat.connect(url, opts)
  if type(url) == "table" then url, opts = url.url, url end
  local options = {}
  for key, value in pairs(opts or {}) do options[key] = value end
  options.url = url or options.url or defold.config("airboat.url") or DEFAULT_URL
  local key = ("%s|%s|%s|%s"):format(tostring(options.url), options.name or "", options.profile or "",
    options.transport or "auto")
  if live[key] then return live[key] end
  local made, err = client.new(options, defold)
  if not made then return nil, err end
  live[key] = made
  made._forget = function()
    if live[key] == made then live[key] = nil end
    if not made._driven then live[made] = made end
  end
  made._driven = options.drive ~= false
  local undrive = made._driven and defold.every_frame(function() made:update() end)
  made._stop = function()
    live[made] = nil
    if undrive then undrive() end
  end
  return made
end

---Does what is due for all clients that were told `drive = false`. To be called every frame.
function airboat.update()
  local all = {}
  for _, each in pairs(live) do
    if not each._driven then all[#all + 1] = each end
  end
  for _, each in ipairs(all) do each:update() end
end

---Runs `fn` in a coroutine, in which `join`, `call` and the like need no callback: they wait, and return the result and
---the error.
---@param fn fun(...)
---@param ... any What it is given.
function airboat.run(fn, ...) events.run(fn, ...) end

---Marks a table as a list, which an empty one needs when it is sent.
---@param t table|nil
---@return table
function airboat.list(t) return msgpack.list(t) end

---Names an entity in a message. An entity itself can be sent, too.
---@param id integer
---@return airboat.EntityRef
function airboat.entity(id) return msgpack.entity(id) end

---Names a player in a message.
---@param id string
---@return airboat.PlayerRef
function airboat.player(id) return msgpack.player(id) end

---The short way round from angle `a` to `b`, in radians.
---@param a number
---@param b number
---@param t number
---@return number
function airboat.lerp_angle(a, b, t)
  local difference = (b - a) % (2 * math.pi)
  if difference > math.pi then difference = difference - 2 * math.pi end
  return a + difference * t
end

return airboat
