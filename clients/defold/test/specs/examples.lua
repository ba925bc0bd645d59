-- The examples, as they are, in the stand-in against the real server: the menu, War Battles, the chat.

local Player = require "player"

return function(t)
  local root = t.options.root

  local function read(path) return t.read(root .. "/" .. path) end

  local function set(text, pattern)
    local names = {}
    for name in text:gmatch(pattern) do names[name] = true end
    return names
  end

  -- The script of a .gui file, with the nodes that the file has.
  local function gui_script(app, path, address)
    local text = read(path)
    local instance = app:script({}, address, "gui_script")
    instance.known_nodes = set(text, 'id: "([%w_]+)"')
    return app:into(instance, text:match('script: "/([^"]+)"'))
  end

  local function game(world, profile)
    local app = world:app { profile = profile, config = { ["airboat.url"] = t.server():url() } }
    local main, menu
    local parts = {}
    app:proxy("/main#warbattles", function()
      local script = app:script({}, "/game#script", "script")
      script.factories = {}
      for name in read("example/warbattles/game.go"):gmatch('id: "([%w_]+)"%s+type: "factory"') do script.factories["#" .. name] = true end
      parts.game = app:into(script, "example/warbattles/game.script")
      parts.hud = gui_script(app, "example/warbattles/hud.gui", "/hud#hud")
      return { parts.game, parts.hud }
    end)
    app:proxy("/main#chat", function()
      parts.chat = gui_script(app, "example/chat/chat.gui", "/chat#chat")
      return { parts.chat }
    end)
    main = app:script("example/main.script", "/main#script")
    menu = gui_script(app, "example/menu.gui", "/main#menu")
    return app, parts, main, menu
  end

  local function press(app, action) app:input(action, { pressed = true }) end

  local function objects(app, factory)
    local list = {}
    for name, object in pairs(app.objects) do if object.factory == factory then list[#list + 1] = name end end
    return list
  end

  t.test("both", "War Battles: from the menu into a room, a soldier walks and fires, rockets fly, and back to the menu", function(world)
    local app, parts, _, menu = game(world)
    world:frames(2)
    t.equal(menu.nodes.title.enabled, true)
    press(app, "one")
    world:wait("the collection", function() return parts.game end)
    local game_self = parts.game.fields
    world:wait("the room", function() return game_self.room and game_self.room:own("soldier") end)
    t.equal({ menu.nodes.title.enabled, game_self.room.module }, { false, "warbattles" })
    world:wait("soldiers and tanks", function() return #objects(app, "#soldier") > 0 and #objects(app, "#tank") > 0 end)
    t.check(#objects(app, "#scenery") > 10)
    local room = game_self.room
    local own = room:own("soldier")
    local object = game_self.objects[own.id]
    local x = object.position.x
    app:input("right", {})
    world:wait("the soldier to walk", function() return math.abs(object.position.x - x) > 5 or not own.alive end)
    app:input("right", { released = true })
    press(app, "fire")
    world:wait("a rocket", function() return #objects(app, "#rocket") > 0 end)
    world:wait("the score", function() return parts.hud.nodes.score.text:find("SCORE: %d") end)
    world:wait("the status", function() return parts.hud.nodes.status.text:find("websocket", 1, true) end)
    t.check(parts.hud.nodes.help.text:find("space fires", 1, true))
    app.offline = true
    app:cut()
    world:wait("the loss to be told", function() return parts.hud.nodes.notice.text:find("connection lost", 1, true) end)
    app.offline = nil
    world:wait("its end", function() return not parts.hud.nodes.notice.text:find("connection lost", 1, true) end)
    t.check(room.open and game_self.room == room)
    press(app, "back")
    world:wait("the menu", function() return menu.nodes.title.enabled and not parts.game.alive end)
    world:wait("the room to be left", function() return not room.open end)
  end)

  t.test("both", "the chat: two programs talk", function(world)
    local app, parts, main = game(world)
    local other = Player.new(world, { url = t.server():url(), name = "other" })
    other:join("tank8", "chat")
    world:frames(2)
    press(app, "two")
    world:wait("the collection", function() return parts.chat and parts.chat.fields.room end)
    for letter in ("hi!x"):gmatch(".") do app:input("text", { text = letter }) end
    press(app, "erase")
    press(app, "enter")
    world:wait("the other to hear", function() return other:chats()[1] == "hi!" end)
    other:say("hello yourself")
    world:wait("the answer on the screen", function()
      local text = parts.chat.nodes.lines.text
      return text:find(": hi!", 1, true) and text:find("other: hello yourself", 1, true)
    end)
    local seat = parts.chat.fields.room.me
    t.check(other.room.players[seat])
    app:delete(main) -- its final says goodbye
    world:wait("the seat to be free", function() return other.room.players[seat] == nil end, 600)
  end)

  t.test("none", "the examples run the step file that the server runs", function()
    local server = t.read(t.options.modules .. "/warbattles/shared/step.lua")
    t.check(read("example/warbattles/shared/step.lua") == server, "example/warbattles/shared/step.lua is not modules/warbattles/shared/step.lua")
  end)
end
