-- Values that are too large, too deep, circular, or no values.
-- expect: error or overrun

local circle = {}
circle.circle = circle
local deep = {}
for _ = 1, 10000 do deep = { deep } end
local values = { ("x"):rep(1000000), circle, deep, print, coroutine.create(print), 0 / 0 }
return {
  answers = { got = function() end },
  tick = function(room)
    for _, value in ipairs(values) do pcall(room.store.set, room.store, "k", value) end
    room.store:set("k", ("x"):rep(70000))
  end,
}
