-- table.concat of millions of numbers runs in C.
-- expect: overrun or memory

local t = {}
return {
  tick = function(room)
    local from = #t
    for i = from + 1, from + 50000 do t[i] = i + 0.123456789 end
    if room.tick > 40 then while true do table.concat(t, ",") end end
  end,
}
