-- A walk kept over ticks, changed by hand, over entities that come and go.
-- expect: harmless or error

local step, walk
return {
  entities = { box = { fields = { x = field.number(0, 1), y = field.number(0, 1) } } },
  tick = function(room)
    for _ = 1, 5 do room:spawn "box" end
    if not step then step, walk = room:each "box" end
    walk.last = walk.last + 10
    if room.tick % 3 == 0 then walk.slot = -5 end
    for _ = 1, 50 do
      local ok, box = pcall(step, walk)
      if ok and box then pcall(box.despawn, box) end
    end
    for box in room:each "box" do if room:random(2) == 1 then box:despawn() end end
  end,
}
