-- A coroutine that calls the engine, resumed from other callbacks and ticks.
-- expect: harmless or error

local thread
return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  inputs = { fire = field.press() },
  tick = function(room)
    thread = thread or coroutine.create(function()
      for box in room:each "box" do coroutine.yield() if box.alive then box.x = 1 end end
      while true do
        local box = room:spawn "box"
        coroutine.yield()
        if box.alive then box:despawn() end
        room:broadcast "x"
      end
    end)
    assert(coroutine.resume(thread))
  end,
  input = function() coroutine.resume(thread) coroutine.resume(coroutine.create(function() coroutine.resume(thread) end)) end,
}
