-- Swallows it in a coroutine.
-- expect: memory or overrun

local kept = {}
return {
  tick = function()
    coroutine.resume(coroutine.create(function() for i = 1, 4 do kept[#kept + 1] = ("x"):rep(5e5) .. #kept .. i end end))
  end,
}
