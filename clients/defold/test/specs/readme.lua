-- The README's five minutes, done as they are written: its module on a server, its script in two programs.

return function(t)
  local root = t.options.root

  local function write(path, text)
    os.execute("mkdir -p '" .. path:match("^(.*)/") .. "'")
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
  end

  local function blocks()
    local readme = t.read(root .. "/README.md")
    local list = {}
    for block in readme:gmatch("\n```lua\n(.-)\n```") do list[#list + 1] = block end
    local module, script
    for _, block in ipairs(list) do
      if block:find("game.entities", 1, true) then module = module or block end
      if block:find("function init", 1, true) and block:find("airboat.connect", 1, true) then script = script or block end
    end
    t.check(module and script, "the README has a module and a script")
    return module, script
  end

  local function texts(app)
    local found = {}
    for _, entry in ipairs(app.scene) do
      if entry[1]:find("@render", 1, true) then found[entry[3].text] = entry[3].position end
    end
    return found
  end

  t.test("both", "the README's five minutes: two players see each other, and a restarted server is no end", function(world)
    local module, script = blocks()
    local folder = world:folder()
    write(folder .. "/modules/pond/main.lua", module)
    local server = t.own_server(nil, folder .. "/modules")
    os.execute("cp -r '" .. root .. "/airboat' '" .. folder .. "/airboat'")
    local apps, scripts = {}, {}
    for n, name in ipairs { "Anna", "Boris" } do
      local here = script:gsub("http://127.0.0.1:7777", server:url()):gsub("Anna", name)
      write(folder .. "/main/" .. name .. ".script", here)
      apps[n] = world:app { root = folder, config = { ["script.shared_state"] = "1" } }
      scripts[n] = apps[n]:script("main/" .. name .. ".script", "/main")
    end
    world:wait("two ducks in both", function()
      return texts(apps[1]).Boris and texts(apps[2]).Anna and texts(apps[1]).Anna
    end)
    local function walk()
      local before = texts(apps[2]).Anna.x
      apps[1]:input("right", { pressed = true })
      world:wait("Anna to walk in Boris's eyes", function() return texts(apps[2]).Anna.x > before + 5 end)
      apps[1]:input("right", { released = true })
    end
    local function both(status)
      return function() return scripts[1].fields.client.status == status and scripts[2].fields.client.status == status end
    end
    walk()
    server:kill()
    world:wait("the loss", both "reconnecting")
    server:start()
    world:wait("the way back", both "online")
    for _, app in ipairs(apps) do app.scene = {} end
    world:wait("both ducks again", function() return texts(apps[1]).Boris and texts(apps[2]).Anna end)
    walk()
    -- One goes, and the other's script goes on without him.
    apps[2]:delete(scripts[2])
    world:wait("Anna to be alone", function()
      apps[1].scene = {}
      world:step()
      return texts(apps[1]).Anna and not texts(apps[1]).Boris
    end)
    server:kill()
  end)
end
