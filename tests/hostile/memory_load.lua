-- Memory taken before there is a room.
-- expect: refused at load

local kept = {}
for i = 1, 200 do kept[i] = ("x"):rep(1e6) .. i end
return {}
