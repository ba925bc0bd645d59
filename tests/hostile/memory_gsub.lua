-- Through gsub: each character becomes a megabyte.
-- expect: memory or overrun or error

local piece = ("x"):rep(1e6)
return { tick = function() return #(("x"):rep(500):gsub("x", piece)) end }
