-- A thousand to the power of three ways to match.
-- expect: error

return { tick = function() return ("x"):rep(1000):find ".-.-.-b" end }
