-- Coroutines that never end.
-- expect: memory or overrun

local kept = {}
return {
  tick = function()
    for _ = 1, 5000 do
      local c = coroutine.create(function() coroutine.yield() end)
      coroutine.resume(c)
      kept[#kept + 1] = c
    end
  end,
}
