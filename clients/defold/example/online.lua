-- The one connection of the game, for all its scripts and guis. Made by main.script, which lives as long as the game.

local airboat = require "airboat.airboat"

local online = { client = nil }

local NAMES = { "Anna", "Boris", "Chidi", "Dana", "Emil", "Farah", "Goran", "Hana", "Ivo", "Juno" }

function online.start()
  math.randomseed(math.floor(socket.gettime() * 1000) % 2147483647)
  -- The address stands in game.project. A second player on the same machine: another value of [airboat] profile.
  local profile = sys.get_config_string("airboat.profile", "")
  local client, err = airboat.connect(nil, { name = NAMES[math.random(#NAMES)], profile = profile })
  if not client then return print("no such address: " .. err.message) end
  online.client = client
  window.set_listener(function(_, event)
    if event == window.WINDOW_EVENT_FOCUS_GAINED then client:on_focus(true)
    elseif event == window.WINDOW_EVENT_FOCUS_LOST then client:on_focus(false) end
  end)
end

-- One line about the connection.
function online.status()
  local client = online.client
  if not client then return "no server: see url in game.project" end
  if client.status ~= "online" then return client.status .. " ..." end
  return ("%s, %d ms"):format(client.transport or "", client.rtt)
end

return online
