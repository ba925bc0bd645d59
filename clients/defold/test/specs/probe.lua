-- The probe in the stand-in: its transcript is the one that is kept. A transcript written by a real engine takes the place of
-- the kept one, and then this compares the stand-in with that engine.

local stage = require "probe.stage"

return function(t)
  local root = t.options.root

  local function kept(profile)
    local lines = {}
    local file = io.open(root .. "/test/probe/" .. profile .. ".txt", "rb")
    for line in file and file:lines() or function() end do
      if line:sub(1, 1) ~= "#" then lines[#lines + 1] = line end
    end
    if file then file:close() end
    return lines
  end

  local function run(world)
    local peer = stage.open()
    table.insert(world.peers, peer)
    local app = world:app { config = { ["probe.host"] = "127.0.0.1:" .. peer.port } }
    world.frame = 1 / 400 -- it waits for many frames
    app:script("test/probe/probe.script", "/probe")
    world:wait("the probe's end", function()
      app:skip(1 / 60)
      local last = app.log[#app.log]
      if last and last:find("^probe fails") then error(last) end
      return last == "probe ends"
    end)
    return app.log
  end

  local function compare(world)
    local got, expected = run(world), kept(world.profile)
    if os.getenv("AIRBOAT_BLESS") == "1" then
      local file = assert(io.open(root .. "/test/probe/" .. world.profile .. ".txt", "wb"))
      file:write("# Written by the stand-in. No real engine has written this yet.\n", table.concat(got, "\n"), "\n")
      file:close()
      return
    end
    for n = 1, math.max(#got, #expected) do t.equal(got[n], expected[n], "line " .. n) end
  end

  -- Only in the interpreter that the engine has there: browsers run plain Lua 5.1, the rest LuaJIT.
  if jit then t.test("native", "the probe's transcript (from source, unrecorded)", compare)
  else t.test("html5", "the probe's transcript", compare) end
end
