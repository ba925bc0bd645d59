-- go and gui as far as contexts go: who is asked follows the caller, and gui is for gui scripts alone. Game objects have a
-- place and can be made and deleted; what they look like is not known here, only noted.

local messages = require "engine.messages"

local hash = messages.hash

local function object_of(app, id)
  if id == nil then return app.current.path end
  if type(id) == "string" then return (id:gsub("#.*$", "")) end
  return messages.name_of(id) or error("instance expected", 3)
end

local function go_api(app, environment)
  local objects = {}
  app.objects = objects
  local function known(id)
    local name = object_of(app, id)
    if name == "" or name == "." then name = app.current.path end
    if not objects[name] and not app:find(name) then error("Instance '" .. name .. "' not found", 3) end
    objects[name] = objects[name] or {
      position = environment.vmath.vector3(0, 0, 0), rotation = environment.vmath.quat(0, 0, 0, 1), scale = environment.vmath.vector3(1, 1, 1),
    }
    return objects[name], name
  end
  local api = { EASING_LINEAR = 0, PLAYBACK_ONCE_FORWARD = 1 }
  function api.get_id(path) return hash(path or app.current.path) end
  for _, what in ipairs { "position", "rotation", "scale" } do
    api["get_" .. what] = function(id) return (known(id))[what] end
    api["set_" .. what] = function(value, id) known(id)[what] = value end
  end
  function api.exists(id) return objects[object_of(app, id)] ~= nil or app:find(object_of(app, id)) ~= nil end
  function api.property(name, value)
    if not app.defaults then error("go.property can only be called outside of functions", 2) end
    app.defaults[name] = value
  end
  function api.set(_, name, value) app.scene[#app.scene + 1] = { "set", name, value } end
  function api.animate(...) app.scene[#app.scene + 1] = { "animate", ... } end
  function api.delete(ids)
    for _, id in ipairs(type(ids) == "table" and ids or { ids or hash(app.current.path) }) do
      local _, name = known(id)
      objects[name] = nil
      local instance = app:find(name)
      if instance then app:delete(instance) end
    end
  end
  return api
end

-- Whoever is called back decides whether these work, not whoever registered.
local function guarded(app, kind, api, text)
  local out = {}
  for name, value in pairs(api) do
    out[name] = type(value) ~= "function" and value or function(...)
      local current = app.current
      if name ~= "property" and (not current or current.kind ~= kind) then error(text, 2) end
      return value(...)
    end
  end
  return out
end

-- Nodes are the script's own. A script that came from a .gui file has the nodes of that file and no others.
local function gui_api(app)
  local api = {}
  function api.get_node(id)
    id = messages.name_of(id) or id
    local nodes, known = app.current.nodes or {}, app.current.known_nodes
    app.current.nodes = nodes
    if known and not known[id] then error("Node '" .. id .. "' not found", 3) end
    nodes[id] = nodes[id] or { id = id, text = "", enabled = true }
    return nodes[id]
  end
  -- There is no layout: what a test clicks on is named in the action.
  function api.pick_node(node, x, y) return node.picked == x and x == y end
  function api.set_text(node, text)
    if type(text) ~= "string" and type(text) ~= "number" then error("bad argument #2 to 'set_text' (string expected, got " .. type(text) .. ")", 2) end
    node.text = tostring(text)
  end
  function api.get_text(node) return node.text end
  function api.set_enabled(node, enabled) node.enabled = enabled end
  function api.set_position(node, position) node.position = position end
  function api.set_color(node, color) node.color = color end
  return api
end

-- `#name` must be a factory of the game object, where the test has told which there are.
local function factory_api(app, environment)
  local made = 0
  return {
    create = function(url, position, rotation)
      local known = app.current.factories
      if known and not known[url] then error("The component '" .. tostring(url) .. "' could not be found", 2) end
      made = made + 1
      local name = "/instance" .. made
      app.objects[name] = {
        factory = url,
        position = position or environment.vmath.vector3(0, 0, 0), rotation = rotation or environment.vmath.quat(0, 0, 0, 1),
        scale = environment.vmath.vector3(1, 1, 1),
      }
      return hash(name)
    end,
  }
end

local function noted(app, names)
  local api = {}
  for _, name in ipairs(names) do
    api[name] = function(...) app.scene[#app.scene + 1] = { name, ... } end
  end
  return api
end

local function install(app, environment)
  app.scene = {}
  environment.go = guarded(app, "script", go_api(app, environment),
    "You can only access go.* functions and values from a script instance (.script file)")
  environment.gui = guarded(app, "gui_script", gui_api(app),
    "You can only access gui.* functions and values from a gui script instance (.gui_script file)")
  environment.factory = factory_api(app, environment)
  environment.sprite = noted(app, { "play_flipbook", "set_hflip", "set_vflip" })
  environment.label = noted(app, { "set_text" })
  environment.sound = noted(app, { "play", "stop" })
  environment.particlefx = noted(app, { "play", "stop" })
  environment.tilemap = noted(app, { "set_tile" })
end

return { install = install }
