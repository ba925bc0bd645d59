-- A bot that remembers everything, and more.
-- expect: memory

local kept = {}
return { bots = 2, bot = function() for _ = 1, 100 do kept[#kept + 1] = ("x"):rep(100000) .. #kept end end }
