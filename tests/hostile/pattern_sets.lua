-- Quantifiers hidden behind sets and captures.
-- expect: error

return { tick = function() return ("x"):rep(1000):find "[%]]*[^]]*()*x*%b()b" end }
