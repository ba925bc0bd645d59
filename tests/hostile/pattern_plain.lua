-- A plain search is quadratic too.
-- expect: error

return { tick = function() return ("a"):rep(1e6):find(("a"):rep(5e5) .. "b", 1, true) end }
